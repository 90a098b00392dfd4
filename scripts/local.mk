# Scripts of the project. None is installed; make check runs the checks among them.

SCRIPT_TESTS += scripts/check-layers scripts/check-exports scripts/check-checklist \
	scripts/check-compliance tests/test-check-layers \
	tests/test-check-exports
EXTRA_DIST += scripts/gen-exports scripts/check-net scripts/count-tests scripts/check \
	scripts/lib.sh scripts/testbed scripts/rfc-index scripts/demo scripts/bench
EXTRA_DIST += scripts/soak scripts/mutants tests/compliance/rfc9293.txt \
	tests/compliance/rfc8200.txt tests/compliance/rfc4861.txt tests/compliance/rfc4862.txt \
	tests/compliance/COMPLIANCE.rfc8200 tests/compliance/COMPLIANCE.rfc4861 \
	tests/compliance/COMPLIANCE.rfc4862 \
	tests/compliance/checklist.txt tests/compliance/COMPLIANCE.rfc9293
EXTRA_DIST += scripts/bench-presence
