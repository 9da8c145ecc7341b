"""The metrics at /metrics. Labels are names from the code, never a person's number or text."""

from prometheus_client import Counter, Histogram

# Finer near the budgets: a hop takes a millisecond at least, and 2 s at most.
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)

hop_seconds = Histogram(
    "maalem_ussd_hop_seconds",
    "Time to answer a hop of a phone, with its wait, by gateway and mobile operator",
    ("gateway", "operator"),
    buckets=_BUCKETS,
)
hops = Counter(
    "maalem_ussd_hops_total",
    "Hops answered, by what kind of hop it was: `away` and `busy` are outage screens, `repeated` is"
    " a gateway's retry",
    ("gateway", "operator", "outcome"),
)
screens = Counter("maalem_ussd_screens_total", "Screens shown, by name", ("screen",))
confirmation_seconds = Histogram(
    "maalem_confirmation_seconds",
    "Time to answer who confirms cash, by channel",
    ("channel",),
    buckets=_BUCKETS,
)
hops_dropped = Counter(
    "maalem_hops_dropped_total",
    "Hops dropped uncounted, because no worker had stored those waiting in Redis",
)
sessions_ended = Counter(
    "maalem_ussd_sessions_ended_total", "End-of-session notices of the gateway", ("status",)
)
redemptions_refused = Counter(
    "maalem_redemptions_refused_total", "Codes a till was refused, by reason", ("reason",)
)
reversals = Counter(
    "maalem_reversals_total", "Deposits reversed, by the channel that asked", ("channel",)
)
reversals_refused = Counter(
    "maalem_reversals_refused_total", "Reversals an agent was refused, by reason", ("reason",)
)
agent_locks = Counter(
    "maalem_agent_locks_total",
    "Doors locked by wrong agents' PINs, by kind of door and whether an agent has the number",
    ("door", "number"),
)
api_requests = Counter(
    "maalem_api_requests_total",
    "Requests of the payments API, by kind and reason",
    ("kind", "reason"),
)
api_bills = Counter(
    "maalem_api_bills_made_total", "Bills made by look-ups of the payments API", ("client",)
)
api_bill_alarms = Counter(
    "maalem_api_bills_half_used_total",
    "Days on which a client used half of the bills that its look-ups may make",
    ("client",),
)
callbacks = Counter(
    "maalem_api_callbacks_total",
    "Callbacks of the payments API, by what became of them",
    ("outcome",),
)
messages = Counter(
    "maalem_messages_handled_total",
    "Messages a provider was spoken to about, by provider and what became of them",
    ("provider", "state"),
)
messages_resent = Counter(
    "maalem_messages_resent_unknown_total",
    "Messages sent again though nobody knew whether they had gone out",
)
provider_rests = Counter(
    "maalem_sms_provider_rests_total",
    "How often a provider was unwell and left alone",
    ("provider",),
)
busy = Counter(
    "maalem_busy_total", "Requests that found no free slot of their kind in time", ("kind",)
)
traces_lost = Counter(
    "maalem_traces_lost_total",
    "Traces that the collector did not take, or that did not fit the queue",
)
faults_untold = Counter(
    "maalem_faults_untold_total", "Faults of the program not told, because the same one just was"
)
slow_bodies = Counter(
    "maalem_slow_bodies_given_up_total", "Connections ended because a body did not come in time"
)
forwarded_not_read = Counter(
    "maalem_forwarded_addresses_not_read_total",
    "Requests whose header named a client and came from no trusted proxy, or said it another way",
)
rate_limits_refused = Counter(
    "maalem_rate_limits_refused_total", "Tries not let through because Redis says no to counting"
)
rate_limits_away = Counter(
    "maalem_rate_limits_away_total", "Tries let through because Redis could not count them"
)
forged_values = Counter(
    "maalem_redis_values_not_believed_total",
    "Values in Redis that we did not write, or not there: talks, menus, late actions",
    ("kind",),
)
delivery_reports = Counter(
    "maalem_sms_reports_total",
    "Delivery reports, by provider and what they say; unknown_word is one we do not know",
    ("provider", "outcome"),
)
