"""Turns a new e-mail address or phone number that somebody shows to be theirs into the one of their account."""

from metering.contacts import Contact
from metering.refusals import Refused
from resolvers import account_news, one_time_codes
from resolvers.audit import audited
from resolvers.context import Context
from resolvers.one_time_codes import CodeChallenge, Wish
from resolvers.proofs import Proof, own_account, prove
from store import accounts
from store import one_time_codes as stored_codes
from store.account_messages import MessageKind
from store.accounts import Account
from store.connections import Database
from store.one_time_codes import CodePurpose


async def request_contact_change(context: Context, contact: Contact, proof: Proof) -> CodeChallenge:
    """Sends a code to the new contact; where somebody else has it, they are told instead. Both look alike.

    Raises:
        Refused: CHANNEL_UNAVAILABLE, TOO_MANY_ATTEMPTS, and what `resolvers.proofs.prove` refuses.
    """
    account = await prove(context, proof)
    await one_time_codes.begin(context, contact)
    async with context.pool.connection() as connection, connection.transaction():
        found = await accounts.by_contact(connection, contact)
        wish = Wish(
            purpose=CodePurpose.CONTACT,
            contact=contact,
            account_id=account.id,
            is_meant=found is None,
            instead=MessageKind.ALREADY_SIGNED_UP,
        )
        return await one_time_codes.send(context, connection, wish)


async def confirm_contact_change(context: Context, *, challenge_id: str, code: str) -> bool:
    """Makes the contact that the code was sent to the account's; the one before is told.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (keys), CODE_NOT_VALID.
    """
    account_id = context.person.account_id
    async with audited(context, action="CHANGE_CONTACT", subject_account_id=account_id) as act:
        account, _ = await own_account(context)
        found = await one_time_codes.checked(context, challenge_id=challenge_id, code=code, purpose=CodePurpose.CONTACT)
        if found.account_id != account.id or found.contact is None:
            raise one_time_codes.not_valid()
        try:
            async with context.pool.connection() as connection, connection.transaction():
                await one_time_codes.take(connection, found)
                await _set(context, connection, account, found.contact)
                await act.done(connection, channel=found.contact.channel.value, contact=found.contact.masked)
        except Refused as refused:
            if refused.code in accounts.TAKEN:  # by somebody else in the meantime
                raise one_time_codes.not_valid() from refused
            raise
    return True


async def _set(context: Context, connection: Database, account: Account, contact: Contact) -> None:
    """Sets the contact; codes that went to the one before count no more, and its owner is told."""
    await accounts.set_contact(connection, account_id=account.id, contact=contact, now=context.now())
    await stored_codes.remove_of_account(connection, account.id)
    before = next((known for known in account.contacts if known.channel is contact.channel), None)
    kind = MessageKind.CONTACT_CHANGED
    if before is not None:
        await account_news.tell_contact(context, connection, before, kind, masked=contact.masked)
    else:
        await account_news.tell(context, connection, account, kind, masked=contact.masked)
