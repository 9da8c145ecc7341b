"""nndi-oss/dialoguss plays a whole talk: each input alone, no service code, fields of its own."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

FATIMA, UNKNOWN = "+212600000001", "+212600000099"
# As its Go client sends a form.
HEADERS = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
pytestmark = pytest.mark.usefixtures("sample_people")


class DialoguePlayer:
    """Sends what the player's pkg/africastalking sends, and nothing more."""

    def __init__(self, client: FlaskClient, number: str, session: str = "1") -> None:
        self.client, self.number = client, number
        self.session = f"DialogussSession__{session}"

    def execute(self, typed: str) -> str:
        fields = {
            "sessionId": self.session,
            "phoneNumber": self.number,
            "serviceCode": "",
            "text": typed,
            "channel": "",
        }
        answer = self.client.post("/ussd/africastalking", data=fields, headers=HEADERS)
        assert answer.status_code == 200
        said = answer.get_data(as_text=True)
        assert said[:4] in {"CON ", "END "}
        return said[4:]


@pytest.fixture
def player(client: FlaskClient) -> DialoguePlayer:
    return DialoguePlayer(client, FATIMA)


def test_the_player_plays_a_whole_talk(player: DialoguePlayer, engine: Engine) -> None:
    main = player.execute("")
    dues = player.execute("2")
    assert "A payer: 163,52 DH" in dues
    code = player.execute("1")
    assert code.startswith("Code ")
    assert player.execute("0") == main
    assert player.execute("2") == dues, "the same digit as before, in another place"
    assert player.execute("1") == code
    assert player.execute("00") == main
    assert player.execute("3#").startswith(code.split("\n")[0])
    assert player.execute("x") != player.execute("0")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM payment_code")).scalar_one() == 1


def test_the_player_identifies_an_unknown_phone(client: FlaskClient) -> None:
    player = DialoguePlayer(client, UNKNOWN)
    for typed in ("", "1", "100004"):
        player.execute(typed)
    assert player.execute("01011984").startswith("1 Mon AMO")


def test_the_players_hop_sent_twice_is_a_retry(player: DialoguePlayer) -> None:
    for typed in ("", "2", "1", "0", "2", "2"):
        assert player.execute(typed) == player.execute(typed)


def test_the_player_may_write_chains_itself(player: DialoguePlayer) -> None:
    player.execute("")
    dues = player.execute("2")
    code = player.execute("2*1")
    assert code.startswith("Code ")
    assert player.execute("2") == dues, "an older hop that comes late"
    assert player.execute("2*1") == code
