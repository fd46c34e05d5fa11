"""Rules on what is left come in, alerts and pushes go out; only `kilowatch` imports it.

`rules` raises and clears alerts, `delivery` empties the outbox through `fcm`, the one door to firebase-admin.
"""
