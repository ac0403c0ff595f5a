#include "sdmctl/complete.h"

#include <stdio.h>
#include <string.h>

#include "sdmctl/rack_view.h"
#include "sdmctl/vm.h"
#include "wire/s10.h"

/* Nobody waits longer for a completion. */
#define PATIENCE_MS 2000

static void print_id(const char *id, const char *prefix)
{
    if (g_str_has_prefix(id, prefix)) {
        printf("%s\n", id);
    }
}

static void print_hardware(struct sdm_ctl *ctl, const char *prefix, bool bricks)
{
    const struct sdm_s11_show_reply *racks = sdm_ctl_rack_ask(ctl, NULL, NULL);

    for (size_t i = 0; racks != NULL && i < racks->n_racks; i++) {
        const struct sdm_s11_show_reply *rack =
            bricks ? sdm_ctl_rack_ask(ctl, racks->racks[i].id, NULL) : NULL;

        if (!bricks) {
            print_id(racks->racks[i].id, prefix);
        }
        for (size_t j = 0; rack != NULL && j < rack->n_bricks; j++) {
            print_id(rack->bricks[j].id, prefix);
        }
    }
}

static void print_vms(struct sdm_ctl *ctl, const char *prefix)
{
    g_autoptr(GArray) vms = sdm_ctl_vm_all(ctl, NULL, true, NULL);

    for (guint i = 0; vms != NULL && i < vms->len; i++) {
        const struct sdm_wire_vm_status *vm = &g_array_index(vms, struct sdm_wire_vm_status, i);

        print_id(vm->name, prefix);
        print_id(vm->vm, prefix);
    }
}

static void print_reservations(struct sdm_ctl *ctl, const char *prefix)
{
    g_autoptr(sdm_json) body = sdm_json_new_object();
    const struct sdm_s10_list_reply *page;

    sdm_json_set_boolean(body, "live", true);
    page = sdm_ctl_call(ctl,
                        &(struct sdm_ctl_call){
                            .type = "s10.list/1", .reply = &sdm_s10_list_reply_codec, .body = body},
                        NULL);
    for (size_t i = 0; page != NULL && i < page->n_reservations; i++) {
        print_id(page->reservations[i].reservation, prefix);
    }
}

static void print_ids(struct sdm_ctl *ctl, const char *ids, const char *prefix)
{
    ctl->reply_timeout_ms = PATIENCE_MS;
    if (strcmp(ids, "vm") == 0) {
        print_vms(ctl, prefix);
    } else if (strcmp(ids, "reservation") == 0) {
        print_reservations(ctl, prefix);
    } else {
        print_hardware(ctl, prefix, strcmp(ids, "brick") == 0);
    }
}

/* What a parameter's value may be; behind the last ',' of a list. */
static void complete_value(struct sdm_ctl *ctl, const struct sdm_ctl_parameter *parameter,
                           const char *prefix)
{
    if (parameter->kind == SDM_CTL_LIST && strrchr(prefix, ',') != NULL) {
        prefix = strrchr(prefix, ',') + 1;
    }
    for (size_t i = 0; parameter->words != NULL && i < parameter->words->n_words; i++) {
        print_id(parameter->words->words[i], prefix);
    }
    if (parameter->kind == SDM_CTL_FILE) {
        printf("FILES\n");
    }
    if (parameter->ids != NULL) {
        print_ids(ctl, parameter->ids, prefix);
    }
}

static void complete_option(const struct sdm_ctl_command *command, const char *prefix)
{
    const struct sdm_conf_table *globals = &sdm_ctl_globals_table;

    for (size_t i = 0; command != NULL && i < command->n_uses; i++) {
        const struct sdm_ctl_parameter *parameter = command->uses[i].parameter;
        g_autofree char *option =
            g_strconcat("--", parameter->name, parameter->kind == SDM_CTL_FLAG ? "" : "=", NULL);

        if (!command->uses[i].is_argument) {
            print_id(option, prefix);
        }
    }
    for (size_t i = 0; i < globals->n_options; i++) {
        g_autofree char *option =
            g_strconcat("--", globals->options[i].name,
                        globals->options[i].kind == SDM_CONF_BOOL ? "" : "=", NULL);

        print_id(option, prefix);
    }
    print_id("--help", prefix);
}

/* The words of 'name' that follow the ones already there. */
static void complete_command(const char *given, const char *prefix)
{
    g_autofree char *begin = given != NULL ? g_strconcat(given, " ", NULL) : g_strdup("");
    g_autofree char *last = NULL;

    for (size_t i = 0; i < sdm_ctl_n_commands; i++) {
        const char *name = sdm_ctl_commands[i].name;
        g_autofree char *word = NULL;

        if (!g_str_has_prefix(name, begin) || strcmp(name, "complete") == 0) {
            continue;
        }
        name += strlen(begin);
        word = g_strndup(name, strcspn(name, " "));
        /* Commands of one group stand next to each other. */
        if (g_strcmp0(word, last) != 0) {
            print_id(word, prefix);
        }
        g_free(last);
        last = g_steal_pointer(&word);
    }
}

static void complete_argument(struct sdm_ctl *ctl, const struct sdm_ctl_command *command,
                              guint n_before, const char *prefix)
{
    for (size_t i = 0; i < command->n_uses; i++) {
        if (!command->uses[i].is_argument) {
            continue;
        }
        if (n_before == 0) {
            complete_value(ctl, command->uses[i].parameter, prefix);
            return;
        }
        n_before--;
    }
}

/* "--class=tr": what stands behind the '='. */
static void complete_option_value(struct sdm_ctl *ctl, const struct sdm_ctl_command *command,
                                  const char *word)
{
    const char *equals = strchr(word, '=');
    size_t length = (size_t)(equals - word) - 2;

    for (size_t i = 0; command != NULL && i < command->n_uses; i++) {
        const struct sdm_ctl_use *use = &command->uses[i];

        if (!use->is_argument && strlen(use->parameter->name) == length &&
            strncmp(use->parameter->name, word + 2, length) == 0) {
            complete_value(ctl, use->parameter, equals + 1);
        }
    }
}

bool sdm_ctl_complete(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    const char *text = sdm_ctl_args_get(args, "words");
    g_auto(GStrv) words = g_strsplit(text != NULL ? text : "", "\n", -1);
    guint n_words = g_strv_length(words);
    const char *last = n_words > 0 ? words[n_words - 1] : "";
    g_autoptr(GPtrArray) before = g_ptr_array_new();
    struct sdm_ctl_line line;

    (void)error;
    g_ptr_array_add(before, (char *)"sdmctl");
    for (guint i = 0; i + 1 < n_words; i++) {
        g_ptr_array_add(before, words[i]);
    }
    sdm_ctl_line_init(&line, (int)before->len, (char **)before->pdata);
    ctl->globals.json = false;
    ctl->globals.verbose = false;
    if (g_str_has_prefix(last, "--") && strchr(last, '=') != NULL) {
        complete_option_value(ctl, line.command, last);
    } else if (last[0] == '-') {
        complete_option(line.command, last);
    } else if (line.command == NULL) {
        complete_command(line.unknown, last);
    } else {
        complete_argument(ctl, line.command, line.arguments->len, last);
    }
    sdm_ctl_line_done(&line);
    return true;
}
