# Two commands: `make demo` shows Firegrid at work, `make test` proves it.

CARGO ?= cargo
export CARGO_TARGET_DIR ?= $(CURDIR)/target

.PHONY: web demo demo-clean pictures simulate check test tools bench-rules bench-ingest bench-gateway planted kill-test chaos fuzz

WEB := $(shell find ingest/web \( -name node_modules -o -name dist \) -prune -o -type f -print)

web: ingest/web/dist/index.html ## The pages, built; the program embeds them.

ingest/web/dist/index.html: $(WEB)
	ingest/web/build

# Without Node.js the demo runs as well; its page then says what is missing.
demo: ## One process with everything in it, on http://127.0.0.1:8080 (FIREGRID_DEMO_PORT).
	-@$(MAKE) --silent web
	@$(CARGO) build --quiet --package firegrid-demo
	@$(CARGO_TARGET_DIR)/debug/firegrid-demo

pictures: tools web ## Every page at three sizes in both languages, from the demo, into target/pictures.
	$(CARGO) build --quiet --locked --package firegrid-demo
	ingest/web/build run node pictures/demo.js $(CARGO_TARGET_DIR)/debug/firegrid-demo $(CARGO_TARGET_DIR)/pictures

demo-clean: ## Forgets what the demo has stored.
	rm -rf var/demo

check: ## Format, lints, docs: the same gate for people and for CI.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked --quiet
	tests/planted/run --check
	$(CARGO) metadata --locked --format-version 1 --manifest-path tests/fuzz/Cargo.toml > /dev/null

bench-rules: ## What one core judges; the last line is one JSON object.
	@$(CARGO) bench --quiet --locked --package firegrid-rules --bench readings

bench-ingest: tools web ## What the centre bears, through a real Mosquitto; the last line is one JSON object.
	$(CARGO) build --quiet --locked --release --bins --package firegrid-ingest --package firegrid-gateway
	@FIREGRID_LOG=warn $(CARGO) bench --quiet --locked --package system-tests --bench ingest

bench-gateway: tools ## What the gateway takes beside a bare loop; the last line is one JSON object.
	$(CARGO) build --quiet --locked --release --bins --package firegrid-ingest --package firegrid-gateway
	@FIREGRID_LOG=warn $(CARGO) bench --quiet --locked --package system-tests --bench gateway

planted: tools ## Breaks one rule at a time and sees that a test finds it; some twenty minutes.
	tests/planted/run

tools: ## Installs or names what the tests need beside Rust.
	tests/tools

SEEDS ?= 2000
FROM ?= 0
SHOW ?= 0
simulate: ## The whole in virtual time: SEEDS=2000 FROM=0; SHOW=1 writes every step.
	SEEDS=$(SEEDS) FROM=$(FROM) SHOW=$(SHOW) $(CARGO) test --package system-tests --test simulation --locked every_promise -- --nocapture

# All targets at once: the same features for programs and tests, so nothing is built twice.
test: tools web check ## Every test there is.
	ingest/web/build test
	$(CARGO) build --workspace --all-targets --locked
	$(CARGO) test --workspace --locked

kill-test: ## Random kill -9 moments of the spool's writer and power cuts, KILLS of each (2000).
	KILLS=$${KILLS:-2000} $(CARGO) test --package system-tests --test kill -- --nocapture

chaos: ## Everything that can happen to seven gateways, for CHAOS_MINUTES (10); the last line is JSON.
	@$(CARGO) build --quiet --workspace --bins --locked
	@rm -f $(CARGO_TARGET_DIR)/chaos.json
	@CHAOS_MINUTES=$${CHAOS_MINUTES:-10} CHAOS_RESULT=$(CARGO_TARGET_DIR)/chaos.json \
		$(CARGO) test --quiet --locked --package system-tests --test chaos -- --nocapture
	@cat $(CARGO_TARGET_DIR)/chaos.json

# Coverage that libFuzzer steers by, with the stable compiler; without sanitizers, for nothing of ours is unsafe.
FUZZ_FLAGS := --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1

FUZZ_SECONDS ?= 60
fuzz: ## Decoder, profile reader and site sheet, FUZZ_SECONDS (60) each; what breaks them is kept as a file.
	RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) build --release --locked --manifest-path tests/fuzz/Cargo.toml \
		--target-dir $(CARGO_TARGET_DIR)/fuzz --target $$(rustc --print host-tuple)
	@set -e; for target in decoder profile sheet; do \
		found=$(CARGO_TARGET_DIR)/fuzz/corpus/$$target; mkdir -p $$found; \
		$(CARGO_TARGET_DIR)/fuzz/$$(rustc --print host-tuple)/release/$$target $$found tests/fuzz/corpus/$$target \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
			-artifact_prefix=$(CARGO_TARGET_DIR)/fuzz/$$target-; \
	done
