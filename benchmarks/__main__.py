"""``make bench``: the measurements that take a minute; the studies of hours are run by name (see each module)."""

from benchmarks import survey_speed

survey_speed.main()
