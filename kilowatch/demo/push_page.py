"""Turns the notifications that arrived into a page that looks like a phone's lock screen."""

from collections.abc import Sequence
from html import escape

from kilowatch.demo.push_protocol import Arrived

_STYLE = """
:root { color-scheme: dark }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #16181d; color: #f2f3f5;
  font: 15px/1.45 system-ui, sans-serif }
main { width: min(24rem, 100vw - 2rem); min-height: 42rem; max-height: 94vh; overflow-y: auto; padding: 2.6rem 1rem;
  border: .6rem solid #000; border-radius: 2.6rem; background: linear-gradient(165deg, #1d4e63, #31235c 70%) }
h1 { margin: 0; text-align: center; font-size: 3.2rem; font-weight: 300; line-height: 1.1 }
p { margin: 0 }
.day { margin-bottom: 1.8rem; text-align: center; opacity: .8 }
article { margin-bottom: .6rem; padding: .75rem .9rem; border-radius: 1.1rem; background: #ffffff24 }
header { display: flex; justify-content: space-between; font-size: .78rem; opacity: .75 }
h2 { margin: .15rem 0 0; font-size: 1rem }
details { margin-top: .4rem; font-size: .78rem; opacity: .8 }
pre { margin: .3rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere }
.none { text-align: center; opacity: .7 }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<noscript><meta http-equiv="refresh" content="3"></noscript>
<title>Pushes ({count})</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{clock}</h1>
<p class="day">{day}, UTC</p>
{notifications}
</main>
<script>{script}</script>
</body>
</html>
"""

# Reloads only when there is something new, so that opened details stay open.
_SCRIPT = """
setInterval(async () => {
  const text = await (await fetch(location.href)).text();
  const fresh = new DOMParser().parseFromString(text, "text/html");
  document.querySelector("h1").textContent = fresh.querySelector("h1").textContent;
  if (fresh.title !== document.title) location.reload();
}, 2000);
"""

_NOTIFICATION = """<article>
<header><span>Kilowatch</span><time datetime="{at}">{clock}</time></header>
<h2>{title}</h2>
<p>{body}</p>
<details><summary>{target}</summary><pre>{data}</pre></details>
</article>"""


def rendered(messages: Sequence[Arrived], *, clock: str, day: str) -> str:
    """The page, newest notification first; it asks nobody but us, every 2 s."""
    shown = "\n".join(_notification(message) for message in reversed(messages))
    return _PAGE.format(
        count=len(messages),
        style=_STYLE,
        script=_SCRIPT,
        clock=escape(clock),
        day=escape(day),
        notifications=shown or '<p class="none">No notification yet.</p>',
    )


def _notification(message: Arrived) -> str:
    return _NOTIFICATION.format(
        at=message.received_at.isoformat(),
        clock=f"{message.received_at:%H:%M:%S}",
        title=escape(message.title),
        body=escape(message.body),
        target=escape(message.target),
        data=escape("\n".join(f"{name}: {value}" for name, value in message.data.items())),
    )
