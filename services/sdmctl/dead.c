#include "sdmctl/dead.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sdmctl/request.h"
#include "sdmctl/table.h"
#include "wire/s11.h"

static void add(struct sdm_ctl_table *table, const struct sdm_wire_dead_letter *letter)
{
    sdm_ctl_table_add(table, letter->letter);
    sdm_ctl_table_add_format(table, "%.19sZ", letter->at);
    sdm_ctl_table_add(table, letter->queue);
    sdm_ctl_table_add(table, letter->type);
    sdm_ctl_table_add_format(table, "%" PRIu64, letter->deliveries);
    sdm_ctl_table_add(table, letter->code);
    sdm_ctl_table_add(table, letter->text);
}

bool sdm_ctl_dead_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    bool one_page = sdm_ctl_args_get(args, "after") != NULL;
    g_autoptr(sdm_ctl_table) table =
        sdm_ctl_table_new("LETTER|SINCE|QUEUE|TYPE|>DELIVERIES|CODE|WHY");
    const struct sdm_s11_dead_list_reply *page;
    size_t n_letters = 0;

    do {
        page = sdm_ctl_request_send(ctl, args, error);
        if (page == NULL) {
            return false;
        }
        for (size_t i = 0; i < page->n_letters; i++) {
            add(table, &page->letters[i]);
        }
        n_letters += page->n_letters;
        sdm_ctl_args_set(args, "after", page->has_next ? page->next : NULL);
    } while (page->has_next && !one_page);
    if (!ctl->globals.json) {
        sdm_ctl_table_print(table, &ctl->screen, 0);
        printf("%s", n_letters == 0 ? "No dead letters.\n" : "");
    }
    return true;
}

/* What a sender wrote is not let loose on a terminal. */
static void print_body(const char *body)
{
    for (; *body != '\0'; body++) {
        bool is_control =
            ((unsigned char)*body < 0x20 && *body != '\n' && *body != '\t') || *body == 0x7f;

        putchar(is_control ? '?' : *body);
    }
    putchar('\n');
}

void sdm_ctl_dead_print(struct sdm_ctl *ctl, const void *reply)
{
    const struct sdm_s11_dead_show_reply *answer = reply;
    const struct sdm_wire_dead_letter *letter = &answer->letter;

    (void)ctl;
    printf("Letter      %s, since %s\n", letter->letter, letter->at);
    printf("Why         %s: %s\n", letter->code, letter->text);
    printf("Type        %s\n", letter->type[0] != '\0' ? letter->type : "-");
    printf("From        %s, by exchange '%s', routing key '%s'\n", letter->queue, letter->exchange,
           letter->routing_key);
    printf("Sender      %s\n", letter->has_sender ? letter->sender : "-");
    printf("Deliveries  %" PRIu64 "\n", letter->deliveries);
    printf("Request     %s, reply to %s\n",
           answer->has_correlation_id ? answer->correlation_id : "-",
           answer->has_reply_to ? answer->reply_to : "-");
    for (size_t i = 0; i < answer->n_headers; i++) {
        printf("Header      %s: %s\n", answer->headers[i].name, answer->headers[i].text);
    }
    printf("Body        %" PRIu64 " bytes%s%s\n", letter->size_bytes, answer->has_note ? ", " : "",
           answer->has_note ? answer->note : "");
    if (answer->has_body) {
        print_body(answer->body);
    }
}

bool sdm_ctl_dead_move(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    bool is_all = sdm_ctl_args_get(args, "all") != NULL;
    bool is_requeue = strcmp(args->command->name, "dead requeue") == 0;
    const struct sdm_s11_dead_reply *reply;
    uint64_t total = 0;
    uint64_t n = 0;

    if (is_all == (sdm_ctl_args_get(args, "letters") != NULL)) {
        return sdm_ctl_usage(error, "either LETTER... or --all");
    }
    /* So many at a time; what comes to be dead meanwhile is not waited for. */
    do {
        reply = sdm_ctl_request_send(ctl, args, error);
        if (reply == NULL) {
            return false;
        }
        total = total > 0 ? total : reply->n + reply->n_left;
        n += reply->n;
    } while (is_all && reply->n > 0 && reply->n_left > reply->n_kept && n < total);
    if (!ctl->globals.json) {
        printf("%" PRIu64 " dead letters %s, %" PRIu64 " left.\n", n,
               is_requeue ? "sent again" : "thrown away", reply->n_left);
    }
    return true;
}
