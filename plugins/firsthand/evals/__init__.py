"""Answer extraction, questions to a served model, scoring with intervals."""
