# Locum: build, check, show. `make help` prints the targets; CI calls nothing else.
# Honoured: CC CFLAGS LDFLAGS PREFIX DESTDIR; BUILD names the build folder, JOBS how much is done at
# a time, V=1 shows the commands. Nothing here needs git.

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/bash
ifeq ($(origin CC),default)
CC := cc
endif
CFLAGS ?= -O2 -g
LDFLAGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
JOBS ?= $(shell nproc)

PACKAGES := hiredis libevent libevent_pthreads ldns yaml-0.1 libcurl jansson libcrypto
ROOMS := base core config redis peer health dns control cli daemon
SOURCES := $(foreach room,$(ROOMS),$(wildcard coordinator/$(room)/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/test_*.c))

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
# Asked when a compiler is first called, so that `make deps` and `make help` need no library.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $$(shell pkg-config --cflags $(PACKAGES)))$(PACKAGE_CFLAGS)
PACKAGE_LIBS = $(eval PACKAGE_LIBS := $$(shell pkg-config --libs $(PACKAGES)))$(PACKAGE_LIBS)
FLAGS = -std=c17 -D_GNU_SOURCE -Icoordinator -pthread $(WARNINGS) $(CFLAGS)
COMPILE = $(CC) $(FLAGS) $(WERROR) $(PACKAGE_CFLAGS)
LINK = $(CC) $(CFLAGS) $(LDFLAGS) -pthread

Q := $(if $(V),,@)
# A recipe that builds does it on all processors, unless the caller said how many.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(JOBS))
RUN = BUILD='$(abspath $(BUILD))' COMPILE='$(COMPILE)' tests/run -j $(JOBS)
SANITIZE = $(MAKE) $(PARALLEL) WERROR=-Werror programs

.PHONY: all help deps programs check unit test demo lint fmt asan tsan install clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/locum ## build the program

help: ## print the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

deps: ## install what building needs and this Debian lacks (asks sudo)
	@deploy/deps build

check: ## units, short simulation, lint: under a minute
	@deploy/deps test
	@$(MAKE) $(PARALLEL) WERROR=-Werror programs
	@$(RUN) lint self unit

test: ## all of check, then the whole site with real daemons
	@deploy/deps test
	@$(MAKE) $(PARALLEL) WERROR=-Werror programs
	@$(RUN) lint self unit lab

demo: ## show a site that fails over; KEEP=1 leaves it running
	@deploy/deps demo
	@$(MAKE) $(PARALLEL) all
	@BUILD='$(abspath $(BUILD))' KEEP='$(KEEP)' tests/site/demo

unit: programs ## the unit tests alone
	@$(RUN) unit

lint: ## arrows of inclusion, lengths, layout
	@$(RUN) lint

fmt: ## lay out the C sources
	find coordinator tests -name '*.[ch]' -exec clang-format -i {} +

asan: ## units under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(SANITIZE) BUILD=$(BUILD)/asan \
		CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
		-fno-sanitize-recover=all'
	@tests/run -j $(JOBS) --build $(BUILD)/asan unit

tsan: ## units under ThreadSanitizer
	@$(SANITIZE) BUILD=$(BUILD)/tsan CFLAGS='-O1 -g -fsanitize=thread'
	@tests/run -j $(JOBS) --build $(BUILD)/tsan unit

install: all ## to DESTDIR and PREFIX
	install -D -m 755 $(BUILD)/locum $(DESTDIR)$(PREFIX)/sbin/locum
	@for page in doc/*.[1-8]; do \
		[ ! -e $$page ] || install -v -D -m 644 -t \
			$(DESTDIR)$(PREFIX)/share/man/man$${page##*.} $$page || exit 1; \
	done
	@for file in deploy/examples/*; do \
		[ ! -e $$file ] || install -v -D -m 644 -t \
			$(DESTDIR)$(PREFIX)/share/doc/locum/examples $$file || exit 1; \
	done

clean: ## remove the build folder
	rm -rf $(BUILD)

programs: $(BUILD)/locum $(UNIT_TESTS)

# Other flags than last time: compile everything again.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(FLAGS) $(LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(FLAGS) $(LDFLAGS)' >$@

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(COMPILE) -MMD -MP -c $< -o $@

$(BUILD)/liblocum.a: $(OBJECTS)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/locum: $(BUILD)/coordinator/main.o $(BUILD)/liblocum.a
	@echo "  LINK  $@"
	$(Q)$(LINK) $^ $(PACKAGE_LIBS) -o $@

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/liblocum.a
	@echo "  LINK  $@"
	$(Q)$(LINK) $^ $(PACKAGE_LIBS) -lcmocka -o $@

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')
