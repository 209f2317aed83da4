# Locum: build, check, show. `make help` prints the targets; CI calls nothing else.
# Variables: CC CPPFLAGS CFLAGS LDFLAGS PREFIX DESTDIR; BUILD: the build folder; JOBS: how many
# processors are used; SCHEDULES: how many schedules `make test` simulates; V=1 shows the commands.
# No target needs git. COMMIT: the commit that `locum version` prints; by default that of git.

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/bash
ifeq ($(origin CC),default)
CC := cc
endif
# $(call once,NAME,VALUE): evaluated when it is first used, and then kept.
once = $(eval $(1) := $(2))$($(1))
takes = $(shell $(CC) -Werror $(1) -x c -fsyntax-only /dev/null 2>/dev/null && echo ' $(1)')
# Checks of the targets of jumps, where the compiler has them: x86, 64-bit ARM.
JUMPS = $(call once,JUMPS,$$(call takes,-fcf-protection)$$(call takes,-mbranch-protection=standard))
# Hardened unless the caller says otherwise.
CFLAGS ?= -O2 -g -fPIE -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2$(JUMPS)
LDFLAGS ?= -pie -Wl,-z,relro,-z,now
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
JOBS ?= $(shell nproc)

PACKAGES := hiredis libevent libevent_pthreads libevent_openssl ldns yaml-0.1 libcurl jansson libssl \
	libcrypto libseccomp
ROOMS := base core config fetch redis peer health hooks dns doctor control report cli daemon
SOURCES := $(foreach room,$(ROOMS),$(wildcard coordinator/$(room)/*.c))
# The style sheet and the script of the status page, as C.
PAGE_FILES := $(BUILD)/coordinator/report/page_files
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(PAGE_FILES).o
# locum-nsd is linked with the rooms of the coordinator that it uses.
NSD_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/main.c,$(wildcard nsd-adapter/*.c)))
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/test_*.c))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
SIM_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/sim/*.c))
DELAY := $(BUILD)/tests/site/delay
BENCHES := $(addprefix $(BUILD)/tests/bench/,ask change echo flood signed signing)
# Writes the lists in the manual pages.
MANUAL := $(BUILD)/doc/manual
SIM := $(if $(SIM_OBJECTS),$(BUILD)/tests/sim/sim)

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
# Evaluated when the compiler first runs, so that `make deps` and `make help` need no library.
PACKAGE_CFLAGS = $(call once,PACKAGE_CFLAGS,$$(call packages,--cflags))
PACKAGE_LIBS = $(call once,PACKAGE_LIBS,$$(call packages,--libs))
packages = $(shell command -v $(firstword $(CC)) >/dev/null && pkg-config $(1) $(PACKAGES))$(if \
	$(filter-out 0,$(.SHELLSTATUS)),$(error The compiler, pkg-config or a library is missing: run \
	`make deps`, which installs the Debian packages))
FLAGS = -std=c17 -D_GNU_SOURCE -Icoordinator -I. -pthread $(WARNINGS) $(CPPFLAGS) $(CFLAGS)
COMPILE = $(CC) $(FLAGS) $(WERROR) $(PACKAGE_CFLAGS)
LINK = $(CC) $(CFLAGS) $(LDFLAGS) -pthread
ifeq ($(origin COMMIT),undefined)
COMMIT = $(call once,COMMIT,$$(if $$(wildcard .git),$$(shell git describe --always --dirty --abbrev=12 \
	--exclude='*' 2>/dev/null)))
endif

Q := $(if $(V),,@)
# Recipes that build use JOBS processors unless the caller gives -j.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(JOBS))
# The shell calls pkg-config: make expands a whole recipe before deploy/deps has run.
IN_BUILD = BUILD='$(abspath $(BUILD))' \
	COMPILE="$(CC) $(FLAGS) -Werror $$(pkg-config --cflags $(PACKAGES))"
RUN = $(IN_BUILD) tests/run -j $(JOBS)
# A separate build in a folder below: $(call build-in,folder,CFLAGS)
build-in = $(MAKE) $(PARALLEL) WERROR=-Werror BUILD='$(BUILD)/$(1)' CFLAGS='$(2)' programs
ASAN := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
TSAN := -O1 -g -fsanitize=thread
COVER := -O0 -g --coverage
FUZZ := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
# A fuzz target is linked with the replay of its corpus; `make fuzz` links libFuzzer instead.
FUZZ_MAIN := $(BUILD)/tests/fuzz/replay.o
SECONDS ?= 60
SCHEDULES ?= 10000

.PHONY: all help deps programs check test demo unit sim chaos mutants lint analyze fmt acl doc cover \
	cover-sim asan tsan fuzz fuzzers bench install uninstall deb clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/locum $(BUILD)/locum-nsd ## build the programs

help: ## print the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

deps: ## install the Debian packages that building needs and that are missing (uses sudo)
	@deploy/deps build

check: ## unit tests, short simulation, replay of hostile input, lint: under a minute
	@deploy/deps test
	@$(MAKE) $(PARALLEL) WERROR=-Werror programs
	@$(RUN) lint program sim unit fuzz

test: ## check, tests of the test tools, whole sites: real daemons in namespaces, containers
	@deploy/deps test
	@$(MAKE) $(PARALLEL) WERROR=-Werror programs
	@SCHEDULES='$(SCHEDULES)' $(RUN) lint program self sim unit fuzz lab compose

demo: ## show a site that fails over; KEEP=1 keeps it running, ADAPTER=nsd: NSD owns port 53
	@deploy/deps demo
	@$(MAKE) $(PARALLEL) all
	@BUILD='$(abspath $(BUILD))' KEEP='$(KEEP)' ADAPTER='$(ADAPTER)' tests/site/demo

unit: programs ## only the unit tests
	@$(RUN) unit

sim: $(SIM) ## the simulation without end; SEED=n: one schedule
	@$(SIM) $(SEED)

chaos: ## the laboratory for 45 minutes with faults longer than any TTL; ROWS=crashes: these rows
	@deploy/deps test
	@$(MAKE) $(PARALLEL) WERROR=-Werror programs
	@BUILD='$(abspath $(BUILD))' LOCUM='$(abspath $(BUILD))/locum' tests/lab/chaos $(ROWS)

mutants: programs ## check that the tests fail when the core is broken, one place at a time
	@BUILD='$(abspath $(BUILD))' COMPILE='$(COMPILE)' JOBS='$(JOBS)' tests/sim/mutants

lint: all ## check inclusions, circles, names, language, lengths, layout
	@$(IN_BUILD) tests/lint/lint

analyze: ## gcc -fanalyzer, clang's analyzer and cppcheck, on Debian 12: some minutes
	@deploy/deps all
	@$(IN_BUILD) JOBS='$(JOBS)' tests/lint/analyze

fmt: ## format the C sources
	find coordinator nsd-adapter doc tests -name '*.[ch]' -exec clang-format -i {} +

acl: $(BUILD)/tests/unit/redis/test_acl ## write deploy/redis/*.acl from the table of commands
	@$< write

doc: $(MANUAL) ## write the lists in the manual pages from the tables in the sources
	@for page in doc/*.[1-8]; do $(MANUAL) <$$page >$(MANUAL).page && cat $(MANUAL).page >$$page || exit 1; done

cover: ## fail unless unit tests and simulation take all branches of the core
	@deploy/deps all
	@$(call build-in,cover,$(COVER))
	@find $(BUILD)/cover -name '*.gcda' -delete
	@tests/run -j $(JOBS) --busy --build $(BUILD)/cover sim unit
	@gcovr --root . --filter coordinator/core/ --branches --fail-under-branch 100 \
		--exclude-lines-by-pattern '.*(LOCUM_INVARIANT|/\* unreachable).*' $(BUILD)/cover

cover-sim: ## show the branches of the core that only the simulation takes
	@deploy/deps all
	@$(call build-in,cover,$(COVER))
	@find $(BUILD)/cover -name '*.gcda' -delete
	@tests/run -j $(JOBS) --busy --build $(BUILD)/cover sim
	@gcovr --root . --filter coordinator/core/ --branches \
		--exclude-lines-by-pattern '.*(LOCUM_INVARIANT|/\* unreachable).*' $(BUILD)/cover

asan: ## tests under AddressSanitizer and UndefinedBehaviorSanitizer; LAB=lab: whole sites too
	@deploy/deps test
	@$(call build-in,asan,$(ASAN))
	@tests/run -j $(JOBS) --busy --build $(BUILD)/asan sim unit fuzz $(LAB)

tsan: ## unit tests under ThreadSanitizer; LAB=lab: whole sites too; LAB=FILE: one program
	@deploy/deps test
	@$(call build-in,tsan,$(TSAN))
	@tests/run -j $(JOBS) --busy --build $(BUILD)/tsan unit $(LAB)

fuzz: ## new hostile input; TARGET=x: one target, SECONDS=n for each (0: without end)
	@deploy/deps all
	@$(MAKE) $(PARALLEL) CC=clang WERROR=-Werror BUILD='$(BUILD)/fuzz' CFLAGS='$(FUZZ)' \
		FUZZ_MAIN= FUZZ_LINK=-fsanitize=fuzzer fuzzers
	@BUILD='$(abspath $(BUILD))/fuzz' SECONDS_EACH='$(SECONDS)' tests/fuzz/run $(TARGET)

bench: ## measure costs: a query beside other name servers, at rest, failed check to wire; with limits
	@deploy/deps bench
	@$(MAKE) $(PARALLEL) all $(BENCHES)
	@BUILD='$(abspath $(BUILD))' tests/bench/bench

# What is installed, as FILE:FILE-BELOW-PREFIX. In text, /usr/local becomes PREFIX.
DOC := share/doc/locum
INSTALLED := $(foreach program,$(BUILD)/locum $(BUILD)/locum-nsd deploy/locum-unstick,\
		$(program):bin/$(notdir $(program))) \
	$(foreach page,$(wildcard doc/*.[1-8]),\
		$(page):share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
	$(foreach unit,$(wildcard deploy/systemd/*.service),$(unit):lib/systemd/system/$(notdir $(unit))) \
	$(foreach users,$(wildcard deploy/systemd/*.sysusers),\
		$(users):lib/sysusers.d/$(notdir $(users:.sysusers=.conf))) \
	$(foreach program,locum locum-nsd,\
		deploy/completion/locum:share/bash-completion/completions/$(program)) \
	$(foreach hook,$(wildcard deploy/acme/*),$(hook):share/locum/acme/$(notdir $(hook))) \
	$(foreach text,$(wildcard README.md CHANGELOG.md SECURITY.md doc/*.md doc/*.svg doc/*.png),$(text):$(DOC)/$(text)) \
	$(foreach example,$(wildcard deploy/examples/* deploy/redis/*),\
		$(example):$(DOC)/examples/$(notdir $(example))) \
	$(foreach example,$(wildcard deploy/prometheus/* deploy/grafana/*),\
		$(example):$(DOC)/examples/$(patsubst deploy/%,%,$(example)))

install: all ## install to DESTDIR and PREFIX; starts no service
	@for pair in $(INSTALLED); do \
		to='$(DESTDIR)$(PREFIX)'/$${pair#*:}; \
		case $$to in \
		*/bin/*) install -v -D -m 755 $${pair%%:*} "$$to" ;; \
		*/acme/*) install -v -D -m 755 $${pair%%:*} "$$to" && \
			sed -i 's|/usr/local/|$(PREFIX)/|g' "$$to" ;; \
		*.png) install -v -D -m 644 $${pair%%:*} "$$to" ;; \
		*) install -v -D -m 644 $${pair%%:*} "$$to" && sed -i 's|/usr/local/|$(PREFIX)/|g' "$$to" ;; \
		esac || exit 1; \
	done

deb: ## build the packages for this Debian, in BUILD/deb
	@deploy/deps deb
	@COMMIT='$(COMMIT)' deploy/deb '$(BUILD)/deb'

uninstall: ## remove what install has put there; keeps configuration, state and users
	@for pair in $(INSTALLED); do rm -fv '$(DESTDIR)$(PREFIX)'/$${pair#*:} || exit 1; done
	@for folder in share/locum/acme share/locum $(DOC)/doc $(DOC)/examples/prometheus $(DOC)/examples/grafana $(DOC)/examples $(DOC); do \
		[ ! -d '$(DESTDIR)$(PREFIX)'/$$folder ] || \
			rmdir --ignore-fail-on-non-empty '$(DESTDIR)$(PREFIX)'/$$folder; \
	done

clean: ## remove the build folder
	rm -rf $(BUILD)

programs: $(BUILD)/locum $(BUILD)/locum-nsd $(MANUAL) $(UNIT_TESTS) $(SIM) $(DELAY) $(BENCHES) $(FUZZERS)

fuzzers: $(FUZZERS)

# Compile everything again if the flags have changed.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(FLAGS) $(LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(FLAGS) $(LDFLAGS)' >$@

# Only the programs know their commit: no test and no other object is compiled again after one.
$(BUILD)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@

MAINS := $(BUILD)/coordinator/main.o $(BUILD)/nsd-adapter/main.o
$(MAINS): $(BUILD)/commit
$(MAINS): COMPILE += $(if $(COMMIT),-DLOCUM_COMMIT='"$(COMMIT)"')

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(COMPILE) -MMD -MP -c $< -o $@

# Each file as bytes with a NUL after them, and its hash as Content-Security-Policy wants it.
$(PAGE_FILES).c: $(addprefix coordinator/report/page.,css js) Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	@for kind in css js; do \
		file=coordinator/report/page.$$kind; \
		printf '#include "report/page_files.h"\nconst char locum_page_files_%s[] = {\n' $$kind; \
		od -An -v -tx1 $$file | sed 's/ \(..\)/0x\1,/g'; \
		printf '0};\nconst char locum_page_files_%s_hash[] = "sha256-%s";\n' $$kind \
			"$$(sha256sum <$$file | cut -c1-64 | tr a-f A-F | basenc --base16 -d | base64)"; \
	done >$@

$(PAGE_FILES).o: $(PAGE_FILES).c $(BUILD)/flags
	@echo "  CC    $<"
	$(Q)$(COMPILE) -MMD -MP -c $< -o $@

$(BUILD)/liblocum.a: $(OBJECTS) $(NSD_OBJECTS)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/locum: $(BUILD)/coordinator/main.o $(BUILD)/liblocum.a
	@echo "  LINK  $@"
	$(Q)$(LINK) $^ $(PACKAGE_LIBS) -o $@

$(BUILD)/locum-nsd: $(BUILD)/nsd-adapter/main.o $(BUILD)/liblocum.a
	@echo "  LINK  $@"
	$(Q)$(LINK) $^ $(PACKAGE_LIBS) -o $@

$(BUILD)/tests/bench/ask: $(BUILD)/tests/bench/queries.o

$(MANUAL) $(BENCHES): %: %.o $(BUILD)/liblocum.a
	@echo "  LINK  $@"
	$(Q)$(LINK) $^ $(PACKAGE_LIBS) -o $@

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/liblocum.a
	@echo "  LINK  $@"
	$(Q)$(LINK) $^ $(PACKAGE_LIBS) -lcmocka -lssl -o $@

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(BUILD)/liblocum.a
	@echo "  LINK  $@"
	$(Q)$(LINK) $(FUZZ_LINK) $^ $(PACKAGE_LIBS) -lcmocka -o $@

$(BUILD)/tests/sim/sim: $(SIM_OBJECTS) $(BUILD)/liblocum.a
	@echo "  LINK  $@"
	$(Q)$(LINK) $^ $(PACKAGE_LIBS) -o $@

$(DELAY): $(DELAY).o
	@echo "  LINK  $@"
	$(Q)$(LINK) $^ -o $@

-include $(shell test -d $(BUILD) && find $(BUILD) -type f -name '*.d')
