#include "sdmctl/parameters.h"

#include "wire/words.h"

static const char *const event_kinds[] = {"reservation", "vm", "brick", "drift", "audit_head"};
static const struct sdm_words event_kind_words = {"event kind", event_kinds,
                                                  G_N_ELEMENTS(event_kinds)};

#define P(name_) const struct sdm_ctl_parameter sdm_ctl_p_##name_

P(accelerator_kind) = {"accelerator-kind", SDM_CTL_TEXT, .placeholder = "KIND",
                       .text = "kind of accelerator, such as fpga"};
P(active_power) = {"active-mw", SDM_CTL_NUMBER, .placeholder = "MILLIWATTS",
                   .text = "power drawn in use"};
P(actor) = {"actor", SDM_CTL_TEXT, .placeholder = "NAME",
            .text = "only what this token's name, or 'controller', did"};
P(after) = {"after", SDM_CTL_TEXT, .placeholder = "ID",
            .text = "begin behind this one, and end after one page"};
P(all) = {"all", SDM_CTL_FLAG, .text = "those released and failed, too"};
P(all_letters) = {"all", SDM_CTL_FLAG, .text = "all that there are"};
P(bandwidth) = {"bandwidth", SDM_CTL_NUMBER, .placeholder = "MBIT/S",
                .text = "bandwidth that each path must have"};
P(batch_file) = {"file", SDM_CTL_FILE, .placeholder = "FILE",
                 .text = "JSON list of operations, or '-' for the standard input"};
P(brick) = {"brick", SDM_CTL_TEXT, .placeholder = "BRICK", .text = "id of a brick", .ids = "brick"};
P(bricks) = {"brick", SDM_CTL_LIST, .placeholder = "BRICK[,BRICK...]",
             .text = "compute brick, or several to choose from, best first", .ids = "brick"};
P(capacity) = {"capacity", SDM_CTL_SIZE, .placeholder = "SIZE",
               .text = "memory that can be handed out"};
P(class) = {"class", SDM_CTL_WORD, .words = &sdm_latency_class_words, .placeholder = "CLASS",
            .text = "worst latency class allowed"};
P(contiguous) = {"contiguous", SDM_CTL_FLAG, .text = "one segment only"};
P(control_command) = {"command", SDM_CTL_TEXT, .placeholder = "COMMAND",
                      .text = "command of the daemon; 'help' lists them"};
P(control_members) = {"members", SDM_CTL_TEXT, .placeholder = "NAME=VALUE...",
                      .text = "arguments of the command"};
P(control_socket) = {"socket", SDM_CTL_FILE, .placeholder = "SOCKET",
                     .text = "control socket of the daemon"};
P(count) = {"count", SDM_CTL_NUMBER, .placeholder = "N",
            .text = "end after so many events; 1 unless --follow is given"};
P(database) = {
    "database", SDM_CTL_TEXT, .placeholder = "URI",
    .text = "where PostgreSQL is, read as a role that may read the audit log; a password "
            "belongs into a passfile"};
P(event_kind) = {"kind", SDM_CTL_WORD, .words = &event_kind_words, .placeholder = "KIND",
                 .text = "only events of this kind"};
P(fence_method) = {"method", SDM_CTL_WORD, .words = &sdm_fence_method_words,
                   .placeholder = "METHOD",
                   .text = "how it is cut off: power, cut (at its switches), any unless given"};
P(fence_undo) = {"undo", SDM_CTL_FLAG,
                 .text = "let it return: it serves again once it has nothing mapped"};
P(follow) = {"follow", SDM_CTL_FLAG, .text = "go on until interrupted"};
P(group) = {"group", SDM_CTL_TEXT, .placeholder = "GROUP", .text = "name of a group"};
P(head) = {"head", SDM_CTL_FILE, .placeholder = "FILE",
           .text = "hashes that were exported: the controller's audit-head-file, or events kept"};
P(idle_power) = {"idle-mw", SDM_CTL_NUMBER, .placeholder = "MILLIWATTS",
                 .text = "power drawn when idle"};
P(key) = {"key", SDM_CTL_TEXT, .placeholder = "KEY",
          .text = "idempotency key: repeated with it, the request gets the same reply and changes "
                  "nothing; random unless given"};
P(lease) = {"lease", SDM_CTL_SECONDS, .placeholder = "DURATION",
            .text = "how long it is held unless renewed or attached"};
P(max_bytes) = {"bytes", SDM_CTL_SIZE, .placeholder = "SIZE",
                .text = "most bytes that it may have; what is not given stays"};
P(max_reservations) = {"reservations", SDM_CTL_NUMBER, .placeholder = "N",
                       .text = "most reservations that it may have; what is not given stays"};
P(letter) = {"letter", SDM_CTL_TEXT, .placeholder = "LETTER", .text = "id of a dead letter"};
P(letters) = {"letters", SDM_CTL_LIST, .placeholder = "LETTER...", .text = "ids of dead letters"};
P(limit) = {"limit", SDM_CTL_NUMBER, .placeholder = "N", .text = "the newest so many"};
P(management) = {"management", SDM_CTL_TEXT, .placeholder = "HOST:PORT",
                 .text = "its management interface"};
P(mode) = {"mode", SDM_CTL_WORD, .words = &sdm_mode_words, .placeholder = "MODE",
           .text = "in whose kernel it is used"};
P(object) = {"object", SDM_CTL_TEXT, .placeholder = "ID",
             .text = "only what was done to this reservation, brick or machine"};
P(plan) = {"plan", SDM_CTL_TEXT, .placeholder = "PLAN",
           .text = "apply exactly this plan, or refuse"};
P(policy) = {"policy", SDM_CTL_WORD, .words = &sdm_policy_words, .placeholder = "POLICY",
             .text = "what is preferred among what fits, near unless given"};
P(power) = {"power", SDM_CTL_WORD, .words = &sdm_power_state_words, .placeholder = "on|off",
            .text = "wanted power"};
P(project) = {"project", SDM_CTL_TEXT, .placeholder = "PROJECT",
              .text = "project; as an option: on its behalf, for admins"};
P(rack) = {"rack", SDM_CTL_TEXT, .placeholder = "RACK", .text = "id of a rack; all unless given",
           .ids = "rack"};
P(rack_file) = {"file", SDM_CTL_FILE, .placeholder = "FILE",
                .text = "rack file (rack/1), or '-' for the standard input"};
P(reservation) = {"reservation", SDM_CTL_TEXT, .placeholder = "RESERVATION",
                  .text = "UUID of a reservation", .ids = "reservation"};
P(segment) = {"segment", SDM_CTL_TEXT, .placeholder = "SEGMENT", .text = "UUID of a segment"};
P(since) = {"since", SDM_CTL_SECONDS, .placeholder = "DURATION",
            .text = "not older than this, such as 2h"};
P(size) = {"size", SDM_CTL_SIZE, .placeholder = "SIZE",
           .text = "size such as 512MiB or 1GiB, a multiple of the segment unit"};
P(state) = {"state", SDM_CTL_WORD, .words = &sdm_reservation_state_words, .placeholder = "STATE",
            .text = "only those in this state"};
P(timeout) = {"timeout", SDM_CTL_MILLISECONDS, .placeholder = "DURATION",
              .text = "how long the controller waits for the level; 30s unless given"};
P(unlimited) = {"unlimited", SDM_CTL_FLAG, .text = "what is not given is unlimited from now on"};
P(vm) = {"vm", SDM_CTL_VM, .placeholder = "VM", .text = "virtual machine, by UUID or name",
         .ids = "vm"};
P(wait) = {"wait", SDM_CTL_WORD, .words = &sdm_wait_level_words, .placeholder = "LEVEL",
           .text = "how far it must have come before the reply, committed unless given"};
P(wake) = {"wake", SDM_CTL_MILLISECONDS, .placeholder = "DURATION",
           .text = "time from power-on to ready"};
P(words) = {"words", SDM_CTL_TEXT, .placeholder = "WORD...",
            .text = "the command line so far, the last word unfinished"};
