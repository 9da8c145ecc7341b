"""A code is made with less work: nothing is parsed anew, and no table is read whole.

A CHECK is made ready for each statement, and a function of SQL in it was parsed again each time.
The lines of a code found it by a join: a plan made while there were few codes read all of them.
"""

from alembic import op

revision = "0061_less_work_for_a_code"
down_revision = "0060_no_ring_at_a_limit"
branch_labels = None
depends_on = None

_KEY = """
    regexp_replace(
        lower(translate(
            lower(normalize(name, NFKC)),
            'авекмнорстухіјѕАВЕКМНОРСТУХІЈЅαβεικμνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ',
            'abekmhopctyxijsabekmhopctyxijsabeikmvoptuxabezhikmnoptyx')),
        '[[:space:].''_-]+', '', 'g')
"""
_KEY_ONCE = f"""
    CREATE OR REPLACE FUNCTION person_key(name text) RETURNS text LANGUAGE plpgsql
    IMMUTABLE STRICT PARALLEL SAFE SET search_path = {{schema}}, pg_temp AS $$
    BEGIN
        RETURN {_KEY};
    END $$
"""
_KEY_EACH_TIME = f"""
    CREATE OR REPLACE FUNCTION person_key(name text) RETURNS text LANGUAGE sql
    IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT {_KEY}
    $$
"""
_CHECK = """
    CREATE OR REPLACE FUNCTION check_added_lines() RETURNS trigger LANGUAGE plpgsql
    SET search_path = {schema}, pg_temp AS $$
    BEGIN
        IF EXISTS (SELECT FROM (
                SELECT code, sum(contribution_centimes) AS contribution,
                    sum(penalty_centimes) AS penalty, min(period) AS first, max(period) AS last
                FROM added GROUP BY code) lines
            {of_no_code})
        THEN
            RAISE EXCEPTION 'the lines of a payment code do not make its amounts'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
"""
# With an OFFSET the planner leaves it a look-up by the key, whatever it believes of the table.
_LOOKED_UP = """WHERE NOT EXISTS (SELECT FROM payment_code c WHERE c.code = lines.code
                AND (c.contribution_centimes, c.penalty_centimes, c.first_period, c.last_period)
                    = (lines.contribution, lines.penalty, lines.first, lines.last) OFFSET 0)"""
_JOINED = """LEFT JOIN payment_code c USING (code)
            WHERE (lines.contribution, lines.penalty, lines.first, lines.last) IS DISTINCT FROM
                (c.contribution_centimes, c.penalty_centimes, c.first_period, c.last_period)"""


def _create(function: str, **parts: str) -> None:
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(function.format(schema=schema, **parts))


def upgrade() -> None:
    _create(_KEY_ONCE)
    _create(_CHECK, of_no_code=_LOOKED_UP)


def downgrade() -> None:
    _create(_CHECK, of_no_code=_JOINED)
    _create(_KEY_EACH_TIME)
