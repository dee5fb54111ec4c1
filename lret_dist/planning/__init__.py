"""From a request to a job: what it costs, which regime, which process grid."""
