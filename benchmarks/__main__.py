"""``make bench``: the measurements that take minutes; the studies of hours are run by name (see each module)."""

from benchmarks import end_to_end, kernels, survey_speed

survey_speed.main()
print()
kernels.main()
print()
end_to_end.main([])
