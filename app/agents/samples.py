"""The agent of development, whom everybody knows; production lets nobody in with this PIN."""

from pydantic import SecretStr

SAMPLE_AGENT, SAMPLE_AGENCY, SAMPLE_AGENT_PHONE = "1001", "W-RABAT-01", "+212600000091"
SAMPLE_PIN = SecretStr("246813")
