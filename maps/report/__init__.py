"""The survey report: one content, written as HTML and as PDF, in six languages."""
