"""One file per incident of the runbook: symptoms, diagnosis, recovery, validation, rollback."""
