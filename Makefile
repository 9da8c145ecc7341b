# What can be done here; `make` alone lists it. Needs Python 3.11 to 3.14, nothing else.

.DEFAULT_GOAL := help
.PHONY: help install run test check platforms bare machines bench soak storm fuzz kill abuse docs pictures hashes wheel image sbom audit clean
.NOTPARALLEL:
# Images of Python set it; then each of the many processes of a test compiles the program anew.
unexport PYTHONDONTWRITEBYTECODE

# $(call installed,FILE): .venv is there and holds what the requirements file names. Made with the
# fastest Python that the pins allow; PYTHON=/a/python takes another.
define installed
@python=$$(sh .ci/find-python $(PYTHON)) && exec "$$python" .ci/venv.py $(1)
endef

help:
	@echo "make install  .venv with what production needs, and nothing else"
	@echo "make run    everything on this machine, in the foreground (PORT=8000 DATA_DIR=instance)"
	@echo "make test   every test, on real engines (ARGS='-k till' for some)"
	@echo "make check  style, types, layers, menus"
	@echo "make fuzz   50,000 hops and 100,000 requests at random (FUZZ_HOPS=... FUZZ_REQUESTS=... FUZZ_SEED=...)"
	@echo "make kill   200 rounds of kill -9 in the midst of payments and acts (KILL_ROUNDS=... KILL_SEED=...)"
	@echo "make abuse  every attack that docs/security.md names (ABUSE_SECONDS=...; short in make test)"
	@echo "make docs   the documents as a site in site/, links checked, nothing in it from elsewhere"
	@echo "make pictures  what the documents have from the program: pictures, charts, tables"
	@echo "make bench  measurements and their floors"
	@echo "make soak   100,000 messages through faulty providers, workers killed (MESSAGES=...)"
	@echo "make storm  everything at once on clustered engines, parts killed (STORM_SECONDS=... STORM_HOPS=... STORM_EVERY=... STORM_REDIS=sentinel)"
	@echo "make platforms  whether every pin is a wheel on every system (asks the package index)"
	@echo "make hashes  writes the hashes of all pins into the requirements files (asks the package index)"
	@echo "make wheel  dist/maalem-*.whl: pip installs it, and maalem is the command (DIST=...)"
	@echo "make image  dist/maalem-image.tar, the OCI image, and its bill of materials (root, mmdebstrap, buildah; DIST=...)"
	@echo "make sbom   bill of materials of what is installed, CycloneDX (SBOM=sbom.json)"
	@echo "make audit  whether holes are known in any pin (asks a public database, or says NOT CHECKED)"
	@echo "make bare   run and test in a bare Debian 13 and 14 (root, mmdebstrap; SUITES=trixie ARGS=...)"
	@echo "make machines  what the documents say for one machine and for three, typed into machines with systemd (root, mmdebstrap, systemd-container, slirp4netns)"
	@echo "make clean  takes away .venv and caches; your data in DATA_DIR stays"

install:
	$(call installed,requirements.txt)

run:
	$(call installed,requirements.txt)
	@exec .venv/bin/flask serve

test:
	$(call installed,requirements-dev.txt)
	@.venv/bin/python -m pytest -n 2 --dist loadgroup --durations 40 --durations-min 5 $(ARGS)

fuzz:
	$(call installed,requirements-dev.txt)
	@FUZZ_HOPS=$(or $(FUZZ_HOPS),50000) FUZZ_REQUESTS=$(or $(FUZZ_REQUESTS),100000) \
		.venv/bin/python -m pytest -q -s tests/talks/test_fuzz.py tests/fuzz $(ARGS)

kill:
	$(call installed,requirements-dev.txt)
	@KILL_ROUNDS=$(or $(KILL_ROUNDS),200) .venv/bin/python -m pytest -q -s tests/killed

abuse:
	$(call installed,requirements-dev.txt)
	@ABUSE_SECONDS=$(or $(ABUSE_SECONDS),20) .venv/bin/python -m pytest -q -n 2 --dist loadgroup \
		$$(grep -oE 'tests/[a-z_/]+[.]py' docs/security.md | sort -u) $(ARGS)

docs:
	$(call installed,requirements-dev.txt)
	@NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict --quiet
	@echo "site/index.html"

pictures:
	$(call installed,requirements-dev.txt)
	@.venv/bin/flask menus graph --page > docs/menu-charts.md
	@.venv/bin/flask settings --page > docs/settings.md
	@.venv/bin/flask settings --env > .env.example
	@.venv/bin/flask metrics --page > docs/metrics.md
	@SCREENSHOT_DIR=docs .venv/bin/python -m pytest -q tests/browser/test_story.py tests/browser/test_office_day.py -k 'fr or day'

check:
	$(call installed,requirements-dev.txt)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/flask menus check

platforms:
	$(call installed,requirements-dev.txt)
	@PLATFORMS=asked .venv/bin/python -m pytest -q -s tests/platforms

hashes:
	$(call installed,requirements-dev.txt)
	@.venv/bin/python -m supply.hashes

wheel:
	$(call installed,requirements-dev.txt)
	@.venv/bin/python -m supply.wheel $(or $(DIST),dist)

image:
	$(call installed,requirements-dev.txt)
	@.venv/bin/python -m supply.image $(or $(DIST),dist)

sbom:
	$(call installed,requirements-dev.txt)
	@.venv/bin/python -m supply.sbom $(or $(SBOM),sbom.json)

audit:
	$(call installed,requirements-dev.txt)
	@.venv/bin/python -m supply.audit

bare:
	@for suite in $(or $(SUITES),trixie forky); do .ci/bare $$suite $(ARGS) || exit 1; done

machines:
	@.ci/first-installation
	@.ci/three-machines

bench:
	$(call installed,requirements-dev.txt)
	@.venv/bin/python -m benchmarks $(ARGS)

soak:
	$(call installed,requirements-dev.txt)
	@.venv/bin/python -m benchmarks.soak $(MESSAGES)

storm:
	$(call installed,requirements-dev.txt)
	@STORM_SECONDS=$(or $(STORM_SECONDS),300) STORM_HOPS=$(or $(STORM_HOPS),40) \
		STORM_EVERY=$(or $(STORM_EVERY),12) .venv/bin/python -m pytest -q -s tests/storm $(ARGS)

clean:
	rm -rf .venv site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find app migrations tests benchmarks supply -name __pycache__ -prune -exec rm -rf {} +
