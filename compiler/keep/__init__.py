"""The store of verified traces, and the ledger of what was not kept."""
