"""Entry 5, what is said to many: official notices, and news for exporters who said yes."""

from __future__ import annotations

from app.base.clock import local_date
from app.base.database import reading
from app.journeys.confirmations import queue_confirmation
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.messaging.consent import Consent, has_consented, record_consent
from app.messaging.opt_outs import NEWS
from app.notices.queries import list_notices
from app.ussd.vocabulary import NothingToShow, Row, Values


@vocabulary.action("look_at_notices", "some", "none")
def look_at_notices(dialogue: Dialogue) -> str:
    """Those of today, in the language of the talk."""
    with reading(dialogue.services.database) as connection:
        found = list_notices(connection, dialogue.language, local_date(dialogue.now))
    dialogue.facts["notices"] = [[one.id, one.title, one.body] for one in found]
    return "some" if found else "none"


@vocabulary.rows("notices")
def notices(dialogue: Dialogue) -> list[Row]:
    return [Row(row[0], {"title": row[1]}) for row in dialogue.facts.get("notices", ())]


@vocabulary.source("notice")
def notice(dialogue: Dialogue) -> Values:
    for number, title, body in dialogue.facts.get("notices", ()):
        if number == dialogue.answers.get("notice"):
            return {"title": title, "notice": body}
    raise NothingToShow()


@vocabulary.action("look_at_export_news", "on", "off")
def look_at_export_news(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        return "on" if has_consented(connection, dialogue.phone, NEWS) else "off"


@vocabulary.action("start_export_news", "done", by_sms=own_message_when("done"))
def start_export_news(dialogue: Dialogue) -> str:
    return _answer(dialogue, True)


@vocabulary.action("stop_export_news", "done", by_sms=own_message_when("done"))
def stop_export_news(dialogue: Dialogue) -> str:
    return _answer(dialogue, False)


def _answer(dialogue: Dialogue, given: bool) -> str:
    """The words of consent are those of the screen that was answered."""
    asked = "export_news_off" if given else "export_news_on"
    with begin_operation(dialogue) as operation:
        consent = Consent(
            phone=dialogue.phone,
            subject=NEWS,
            given=given,
            language=dialogue.language,
            channel="ussd",
            answered_by=dialogue.action_key,
            wording=dialogue.services.words.say(dialogue.language, asked),
        )
        record_consent(operation, consent)
        queue_confirmation(operation, dialogue, "news_on" if given else "news_off")
    return "done"
