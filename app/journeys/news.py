"""Entry 5, news for many: official notices, and news for exporters who asked for it."""

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
    """Reads the notices of today, in the language of the dialogue."""
    with reading(dialogue.services.database) as connection:
        notices = list_notices(connection, dialogue.language, local_date(dialogue.now))
    dialogue.facts.notices = tuple(notices)
    return "some" if notices else "none"


@vocabulary.rows("notices")
def list_notice_titles(dialogue: Dialogue) -> list[Row]:
    return [Row(notice.id, {"title": notice.title}) for notice in dialogue.facts.notices]


@vocabulary.source("notice")
def describe_notice(dialogue: Dialogue) -> Values:
    number = dialogue.answers.notice
    for notice in dialogue.facts.notices:
        if notice.id == number:
            return {"title": notice.title, "notice": notice.body}
    raise NothingToShow()


@vocabulary.action("look_at_export_news", "on", "off")
def look_at_export_news(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        return "on" if has_consented(connection, dialogue.phone, NEWS) else "off"


@vocabulary.action("start_export_news", "done", by_sms=own_message_when("done"))
def start_export_news(dialogue: Dialogue) -> str:
    return record_answer(dialogue, NEWS, True, "export_news_off", "news_on")


@vocabulary.action("stop_export_news", "done", by_sms=own_message_when("done"))
def stop_export_news(dialogue: Dialogue) -> str:
    return record_answer(dialogue, NEWS, False, "export_news_on", "news_off")


def record_answer(dialogue: Dialogue, subject: str, given: bool, screen: str, kind: str) -> str:
    """Records a yes or a no with the words of the screen that asked, and confirms it by SMS."""
    with begin_operation(dialogue) as operation:
        consent = Consent(
            phone=dialogue.phone,
            subject=subject,
            given=given,
            language=dialogue.language,
            channel="ussd",
            answered_by=dialogue.action_key,
            wording=dialogue.services.words.say(dialogue.language, screen),
        )
        record_consent(operation, consent)
        queue_confirmation(operation, dialogue, kind)
    return "done"
