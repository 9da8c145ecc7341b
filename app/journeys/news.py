"""Entry 5, what is said to many: official notices, and news for exporters who said yes."""

from __future__ import annotations

from app.base.clock import local_date
from app.base.database import reading, transaction
from app.journeys.desk import Conversation, own_message_when, vocabulary
from app.journeys.telling import tell_caller
from app.messaging.consent import has_consented, record_consent
from app.messaging.stops import NEWS
from app.notices.queries import list_notices
from app.ussd.vocabulary import NothingToShow, Row, Values


@vocabulary.action("look_at_notices", "some", "none")
def look_at_notices(talk: Conversation) -> str:
    """Those of today, in the language of the talk."""
    with reading(talk.desk.database) as connection:
        found = list_notices(connection, talk.language, local_date(talk.now))
    talk.facts["notices"] = [[one.id, one.title, one.body] for one in found]
    return "some" if found else "none"


@vocabulary.rows("notices")
def notices(talk: Conversation) -> list[Row]:
    return [Row(row[0], {"title": row[1]}) for row in talk.facts.get("notices", ())]


@vocabulary.source("notice")
def notice(talk: Conversation) -> Values:
    for number, title, body in talk.facts.get("notices", ()):
        if number == talk.kept.get("notice"):
            return {"title": title, "notice": body}
    raise NothingToShow()


@vocabulary.action("look_at_export_news", "on", "off")
def look_at_export_news(talk: Conversation) -> str:
    with reading(talk.desk.database) as connection:
        return "on" if has_consented(connection, talk.phone, NEWS) else "off"


@vocabulary.action("start_export_news", "done", by_sms=own_message_when("done"))
def start_export_news(talk: Conversation) -> str:
    return _answer(talk, True)


@vocabulary.action("stop_export_news", "done", by_sms=own_message_when("done"))
def stop_export_news(talk: Conversation) -> str:
    return _answer(talk, False)


def _answer(talk: Conversation, given: bool) -> str:
    """The words of consent are those of the screen that was answered."""
    asked = "export_news_off" if given else "export_news_on"
    with transaction(talk.desk.database) as connection:
        record_consent(
            connection,
            talk.phone,
            NEWS,
            given,
            language=talk.language,
            channel="ussd",
            answered_by=talk.action_key,
            wording=talk.desk.words.say(talk.language, asked),
            now=talk.now,
        )
        tell_caller(connection, talk, "news_on" if given else "news_off")
    return "done"
