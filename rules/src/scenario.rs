//! Scenario files: how a rule's author proves what it does.
