"""What flows: records, ledger, channels, batching, sources, sinks, outbox.

Imports point one way inside this package: engine → score, deliver → sources, sinks → ledger, channel → records,
errors, timing. Of `weirlog.models` only the request type is known here; scoring is reached through a protocol.
"""
