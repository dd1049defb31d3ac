// The report of esp-ota prove: one page without anything outside it, for whoever signs the release. The verdict comes first.
#define _GNU_SOURCE // open_memstream

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chip_traits.h"
#include "prove.h"

// chosen: Okabe and Ito's colours, which colour-blind people tell apart; failures are hatched as well
static const char STYLE[] =
    ":root{color-scheme:light dark;--page:#fff;--ink:#16202a;--dim:#51606f;--line:#d5dce3;"
    "--soft:#f2f5f8;--old:#7388a0;--new:#009e73;--bad:#c23b00;--erase:#e69f00;--program:#0072b2;"
    "--good-bg:#0b6e4f;--bad-bg:#a02c00}"
    "@media(prefers-color-scheme:dark){:root{--page:#12181f;--ink:#e8edf2;--dim:#a3b1bf;"
    "--line:#34414e;--soft:#1c252e;--old:#8aa0b8;--new:#2bc39a;--bad:#ff8a50;--program:#56b4e9}}"
    "@media print{:root{color-scheme:light;--page:#fff;--ink:#000;--dim:#444;--line:#bbb;"
    "--soft:#f4f4f4;--old:#7388a0;--new:#009e73;--bad:#c23b00;--program:#0072b2}"
    "body{font-size:11pt;margin:0;max-width:none}figure,tr,.verdict,.tiles,.sign{break-inside:"
    "avoid}h2,h3{break-after:avoid}}"
    "*{print-color-adjust:exact;-webkit-print-color-adjust:exact;box-sizing:border-box}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;"
    "background:var(--page);color:var(--ink)}"
    "h1{font-size:1.7em;margin:0;line-height:1.2}h2{margin:2.2em 0 .4em;font-size:1.25em}"
    "h3{font-size:1em;margin:1.4em 0 .2em}p{margin:.4em 0}ul{margin:.3em 0;padding-left:1.3em}"
    ".verdict{padding:1.2em 1.5em;border-radius:8px;color:#fff}.good{background:var(--good-bg)}"
    ".bad{background:var(--bad-bg)}.kicker{opacity:.9;font-size:.95em;margin:0 0 .3em}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5em,1fr));gap:.7em;"
    "margin:1em 0}.tiles div{background:var(--soft);border-radius:8px;padding:.7em 1em}"
    ".tiles b{display:block;font-size:1.5em;line-height:1.2}.tiles span{color:var(--dim);"
    "font-size:.88em}"
    "table{border-collapse:collapse;width:100%;font-size:.92em}th{font-weight:600}"
    "th:first-child,td:first-child{min-width:4em}.wide td:first-child{width:40%}"
    "th,td{text-align:left;vertical-align:top;padding:.4em .6em;border-bottom:1px solid "
    "var(--line)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "code{font-size:.85em;overflow-wrap:anywhere}pre{background:var(--soft);padding:.8em 1em;"
    "border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;margin:.4em 0}"
    "figure{margin:.3em 0 0}svg{width:100%;height:auto;display:block}"
    "svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg .dim{fill:var(--dim)}"
    "svg .name{font-weight:600}.band{fill:var(--soft)}.erase{fill:var(--erase)}"
    ".program{fill:var(--program)}.old{fill:var(--old)}.new{fill:var(--new)}"
    ".failed{fill:var(--bad);stroke:var(--ink);stroke-width:1;stroke-dasharray:2 2}"
    ".axis{stroke:var(--dim);stroke-width:1}.arrow{stroke:var(--dim);stroke-width:1.5}"
    ".tip{fill:var(--dim)}line.never{stroke-dasharray:4 4;opacity:.5}.node{fill:var(--page);"
    "stroke:var(--dim);stroke-width:2}.is-old{stroke:var(--old)}.is-new{stroke:var(--new)}"
    ".is-failed{stroke:var(--bad);stroke-width:4}rect.never{stroke-dasharray:4 4}"
    ".note{color:var(--dim);font-size:.92em}"
    ".key i{display:inline-block;width:.85em;height:.85em;margin:0 .35em 0 1em;border-radius:2px;"
    "vertical-align:-.05em}.key i:first-child{margin-left:0}.key .erase{background:var(--erase)}"
    ".key .program{background:var(--program)}.key .old{background:var(--old)}"
    ".key .new{background:var(--new)}.key .failed{background:var(--bad)}"
    ".sign{display:grid;grid-template-columns:2fr 2fr 1fr;gap:2em;margin-top:3em}"
    ".sign div{border-top:1px solid var(--ink);padding-top:.3em;color:var(--dim);font-size:.9em}";

void prove_put_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '&':
            fputs("&amp;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(*text, to);
        }
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// 1234567 as "1 234 567". buf holds 32 bytes.
static const char *number_text(unsigned long long number, char buf[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", number);
    char *out = buf;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            *out++ = ' ';
        }
        *out++ = digits[i];
    }
    *out = '\0';
    return buf;
}

// ----------------------------------------------------------------------- the verdict

static unsigned long long failures_of(const struct prove *prove, const struct powercut_totals *sum)
{
    return (unsigned long long)sum->failures + prove->faults.failures;
}

static void put_verdict(FILE *to, const struct prove *prove, const struct powercut_totals *sum)
{
    bool is_good = failures_of(prove, sum) == 0;
    char cuts[32];
    fprintf(to, "<div class=\"verdict %s\"><p class=\"kicker\">Power-cut proof: ",
            is_good ? "good" : "bad");
    prove_put_text(to, base_name(prove->old_path));
    fputs(" to ", to);
    prove_put_text(to, base_name(prove->new_path));
    fprintf(to, "</p><h1>%s</h1><p>",
            is_good           ? "&#10003; Passed: no power cut bricked this update."
            : sum->bricks > 0 ? "&#10007; Failed: this update can brick a device."
                              : "&#10007; Failed: this update does not survive every fault.");
    if (is_good) {
        fprintf(to,
                "The power was cut %s times. Every time the device started again with the old "
                "firmware or the new one, complete and verified, and the update "
                "came to its proper end without help.",
                number_text(sum->cuts, cuts));
    } else {
        fprintf(to,
                "%llu of %llu cases failed; in %llu of them nothing started any more. Do not "
                "release before the failures below are understood.",
                failures_of(prove, sum), (unsigned long long)sum->cases,
                (unsigned long long)sum->bricks);
    }
    fputs("</p></div>\n", to);
}

static void put_tile(FILE *to, const char *figure, const char *caption)
{
    fprintf(to, "<div><b>%s</b><span>%s</span></div>\n", figure, caption);
}

static void put_tiles(FILE *to, const struct prove *prove, const struct powercut_totals *sum)
{
    char text[80];
    char a[32];
    char b[32];
    uint64_t all;
    uint64_t cut;
    prove_count_operations(prove, &all, &cut);
    fputs("<div class=\"tiles\">", to);
    put_tile(to, number_text(sum->cuts, a), "power cuts");
    put_tile(to, number_text(sum->bricks, a), "bricked devices");
    (void)snprintf(text, sizeof(text), "%s of %s", number_text(cut, a), number_text(all, b));
    put_tile(to, text, "flash operations cut");
    put_tile(to, number_text(sum->worst_recovery, a),
             "power-ons at most after the last cut until all was done");
    put_tile(to, number_text(sum->lives, a), "power-ons, each checked");
    fputs("</div>\n", to);
}

static void put_failures(FILE *to, const struct prove *prove)
{
    char replay[2600];
    for (uint32_t i = 0; i < prove->part_count; i++) {
        const struct prove_part *part = &prove->parts[i];
        if (part->totals.has_failure) {
            fprintf(to, "<h3>Failed: %s</h3><p>The first failure: ", part->title);
            prove_put_text(to, part->totals.failure.text);
            fputs("</p><p>Shown step by step by:</p><pre>", to);
            prove_put_text(to, prove_case_text(part, replay, sizeof(replay)));
            fputs("</pre>\n", to);
        }
    }
    if (prove->faults.failure[0]) {
        fputs("<h3>First failure by a fault of the chip</h3><p>", to);
        prove_put_text(to, prove->faults.failure);
        fputs("</p>\n", to);
    }
}

static void put_signatures_meaning(FILE *to, const struct prove *prove)
{
    if (prove->trusts == PROVE_TRUST_NOBODY) {
        fputs("<li>The device asked for <b>no signature</b>; give <code>--key</code> if yours "
              "does.</li>\n",
              to);
        return;
    }
    fprintf(to,
            "<li>Both images are signed (%s), and the device checked that at the update and at "
            "every start. The new image without its signature, and forged in two bytes, was "
            "refused every time and never started.</li>\n",
            signature_scheme_name(prove->scheme));
    if (prove->no_rotation) {
        fprintf(to, "<li>No change of keys was tried: %s.</li>\n", prove->no_rotation);
    } else {
        fputs("<li>The change from the first key to the second was cut as well: the device always "
              "trusted one of the two, and in the end refused what the first had signed.</li>\n",
              to);
    }
}

static void put_meaning(FILE *to, const struct prove *prove)
{
    uint32_t others;
    uint64_t bytes;
    char size[32];
    char names[PROVE_NAMES_LEN];
    prove_count_others(prove, &others, &bytes);
    fputs("<h2>What this means</h2><ul>\n"
          "<li>A customer may pull the plug at any moment of this update. The device comes back "
          "with one of the two versions, never with a mixture, and the next attempt succeeds."
          "</li>\n",
          to);
    if (others > 0) {
        fprintf(to, "<li>Nothing else is touched: %u other partition%s (", (unsigned)others,
                others == 1 ? "" : "s");
        prove_put_text(to, prove_others_text(prove, names));
        fprintf(to,
                "; %s) stayed byte for byte as before, at every power-on, and so did everything "
                "outside of partitions.</li>\n",
                cli_size_text(bytes, size));
    }
    put_signatures_meaning(to, prove);
    fputs(
        "</ul><p><b>It does not show that the new firmware works.</b> The firmware itself is not "
        "executed: a model of the bootloader verifies your real files and decides as the device's "
        "would, and a model of the application downloads, writes and confirms them. See <a "
        "href=\"#limits\">limits</a>.</p>\n",
        to);
}

// ----------------------------------------------------------------------- what was tested

static void put_firmware(FILE *to, const struct prove *prove)
{
    static const char *const ROLES[] = {"", "old", "new"};
    fputs("<h2>What was tested</h2><table><tr><th></th><th>firmware</th><th>file</th>"
          "<th class=\"n\">bytes</th><th>SHA-256 of the file</th></tr>\n",
          to);
    for (int i = PROVE_OLD; i <= PROVE_NEW; i++) {
        fprintf(to, "<tr><td>%s</td><td>", ROLES[i]);
        prove_put_text(to, prove->names[i]);
        fputs("</td><td>", to);
        prove_put_text(to, base_name(i == PROVE_OLD ? prove->old_path : prove->new_path));
        fprintf(to, "</td><td class=\"n\">%zu</td><td><code>%s</code></td></tr>\n",
                prove->files[i].len, prove->digests[i]);
    }
    char size[32];
    fprintf(to, "</table>\n<p>The device: %s, %s of flash used, partitions ",
            chip_name(prove->infos[PROVE_NEW].header.chip_id),
            cli_size_text(prove->world.flash_size, size));
    for (uint32_t i = 0; i < prove->world.table_count; i++) {
        char label[17];
        fputs(i ? ", " : "", to);
        prove_put_text(to, cli_clean_text(prove->table[i].label, 16, label));
    }
    fprintf(to, "%s. Flash encryption: %s. Signatures: ",
            prove->partitions ? "" : " (made to fit; give your own with --partitions)",
            prove->is_encrypted ? "on" : "off");
    if (prove->trusts == PROVE_TRUST_NOBODY) {
        fputs("not asked for.</p>\n", to);
    } else {
        fprintf(to, "%s, %u key%s in %s.</p>\n", signature_scheme_name(prove->scheme),
                (unsigned)prove->trust.count, prove->trust.count == 1 ? "" : "s",
                PROVE_TRUST_TEXTS[prove->trusts]);
    }
}

static void put_scenario(FILE *to, const struct prove_part *part)
{
    const struct powercut_totals *t = &part->totals;
    char a[32];
    char b[32];
    char c[32];
    fprintf(to,
            "<tr><td><b>%s</b><br>%s</td><td class=\"n\">%u of %u</td><td class=\"n\">%s</td><td "
            "class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%u</td><td "
            "class=\"n\">%llu</td><td class=\"n\">%llu</td></tr>\n",
            part->title, part->claim, (unsigned)part->cut_operations,
            (unsigned)part->operation_count, number_text(t->cuts, a),
            number_text(t->booted[PROVE_OLD], b),
            number_text(t->booted[PROVE_NEW] + t->booted[PROVE_AGAIN], c), t->worst_recovery,
            (unsigned long long)t->bricks, (unsigned long long)t->failures);
}

static void put_coverage(FILE *to, const struct prove *prove)
{
    uint64_t all;
    uint64_t cut;
    prove_count_operations(prove, &all, &cut);
    if (cut < all) {
        fprintf(to,
                "<p><b>Not every operation was cut: %llu of %llu.</b> They are spread evenly over "
                "the update; those that write boot records, the journal or the end of a slot are "
                "never left out. <code>--long</code> cuts every one.</p>\n",
                (unsigned long long)cut, (unsigned long long)all);
    } else {
        fputs("<p>Every flash operation of every scenario was cut: before it, inside it and after "
              "it.</p>\n",
              to);
    }
}

static void put_scenarios(FILE *to, const struct prove *prove)
{
    fputs("<h2>What was tried</h2><table class=\"wide\"><tr><th>scenario</th><th "
          "class=\"n\">operations "
          "cut</th><th class=\"n\">power cuts</th><th class=\"n\">old starts next</th><th "
          "class=\"n\">new starts next</th><th class=\"n\">power-ons to recover</th><th "
          "class=\"n\">bricks</th><th class=\"n\">failures</th></tr>\n",
          to);
    for (uint32_t i = 0; i < prove->part_count; i++) {
        put_scenario(to, &prove->parts[i]);
    }
    fputs("</table>\n<p class=\"note\">Power-ons to recover: at most, from the last cut on; after "
          "cuts "
          "that leave weak bits five power-ons are waited until these have fallen back.</p>\n",
          to);
    put_coverage(to, prove);
}

static void put_pictures(FILE *to, const struct prove *prove)
{
    fputs("<h2>What happens after a cut</h2><figure>", to);
    prove_put_states(to, prove);
    fputs("</figure><p class=\"note\">A case is one update with one or more power cuts. Drawn is "
          "what starts after the first cut; every later power-on was checked in the same "
          "way.</p>\n<h2>Where the cuts came</h2><p class=\"note\">One pair of pictures a "
          "scenario. Above: what the update does to the flash, from left to right; within a "
          "partition the addresses run downwards. Below: the cuts in the same operations, and what "
          "started next.</p>\n",
          to);
    for (uint32_t i = 0; i < prove->part_count; i++) {
        fprintf(to,
                "<figure><h3>%s</h3><p class=\"key note\"><i class=\"erase\"></i>erased<i "
                "class=\"program\"></i>programmed</p>\n",
                prove->parts[i].title);
        prove_put_flash_map(to, &prove->parts[i]);
        fputs("<p class=\"key note\"><i class=\"old\"></i>the old firmware starts next<i "
              "class=\"new\"></i>the new one<i class=\"failed\"></i>failure</p>\n",
              to);
        prove_put_cuts(to, &prove->parts[i]);
        fputs("</figure>\n", to);
    }
}

// ----------------------------------------------------------------------- method, limits, again

static void put_tears(FILE *to, const struct powercut_totals *sum)
{
    static const char *const TEXTS[NOR_TEAR_COUNT] = {
        [NOR_TEAR_BEFORE] = "just before the operation",
        [NOR_TEAR_PREFIX] = "only the first bytes are done",
        [NOR_TEAR_SUFFIX] = "only the last bytes are done",
        [NOR_TEAR_BYTES] = "some bytes are done",
        [NOR_TEAR_BITS] = "some bits have changed",
        [NOR_TEAR_FEW] = "very few bits have changed",
        [NOR_TEAR_NEARLY] = "all but very few bits have changed",
        [NOR_TEAR_UNSTABLE] = "bits are half-way and read differently each time",
        [NOR_TEAR_WEAK] = "all looks done, but some bits fall back up to four power-ons later",
        [NOR_TEAR_AFTER] = "just after the operation",
    };
    char a[32];
    fputs("<h2>How the power was cut</h2><table><tr><th>kind</th><th>what it leaves on the "
          "flash</th><th class=\"n\">times</th></tr>\n",
          to);
    for (int i = 0; i < NOR_TEAR_COUNT; i++) {
        fprintf(to, "<tr><td>%s</td><td>%s</td><td class=\"n\">%s</td></tr>\n", NOR_TEAR_NAMES[i],
                TEXTS[i], number_text(sum->tears[i], a));
    }
    fprintf(to,
            "</table><p>Beside single cuts there are second cuts during the recovery, and random "
            "rows of up to eight. Unstable bits were read %s times",
            number_text(sum->fired[NOR_FAULT_UNSTABLE_READ], a));
    fprintf(to, ", and weak ones fell back at %s power-ons.</p>\n",
            number_text(sum->fired[NOR_FAULT_DECAY], a));
}

static void put_faults(FILE *to, const struct prove *prove)
{
    fputs("<h2>Faults of the flash chip</h2><p>Without power cuts: one fault an update. The device "
          "must go on with the old firmware or the new one; after a fault that passes, the update "
          "must be done.</p><table><tr><th>fault</th><th class=\"n\">tried</th><th "
          "class=\"n\">met by the update</th><th class=\"n\">update done all the "
          "same</th></tr>\n",
          to);
    for (int i = 0; i < PROVE_FAULT_COUNT; i++) {
        fprintf(to,
                "<tr><td>%s</td><td class=\"n\">%u</td><td class=\"n\">%u</td><td "
                "class=\"n\">%u</td></tr>\n",
                PROVE_FAULT_TEXTS[i], (unsigned)prove->faults.tried[i],
                (unsigned)prove->faults.fired[i], (unsigned)prove->faults.updated[i]);
    }
    fprintf(to, "</table><p>Failures: %u.</p>\n", (unsigned)prove->faults.failures);
}

static void put_limits(FILE *to, const struct prove *prove)
{
    fputs("<h2 id=\"limits\">Limits of this proof</h2><ul>\n", to);
    fprintf(to,
            "<li>The firmware is not executed. Whether the new version works, and confirms itself "
            "only when it does, is for other tests.</li>\n"
            "<li>The update code is this project's. If your firmware updates itself with other "
            "code, that code was not tested.</li>\n"
            "<li>Your files are judged as a device's bootloader judges them (header, segments, "
            "checksum, SHA-256%s), by a model of it and not by the bootloader on your "
            "devices.</li>\n"
            "<li>The flash is a model of a NOR chip. An operation is one call of its driver: an "
            "erase of up to 64 KiB, a program of up to 16 KiB.</li>\n"
            "<li>The server answers at once and tells the truth; networks and servers that fail "
            "have their own tests.</li>\n"
            "</ul>\n",
            prove->trusts == PROVE_TRUST_NOBODY ? "" : ", signature");
}

static void put_again(FILE *to, const struct prove *prove)
{
    char date[40] = "";
    time_t now = time(NULL);
    struct tm parts;
    if (gmtime_r(&now, &parts)) {
        (void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &parts);
    }
    fputs("<h2>How to repeat it</h2><p>Seeds are fixed: the same command tries the same "
          "cuts.</p><pre>",
          to);
    prove_put_text(to, prove->command);
    fprintf(to,
            "%s</pre><p class=\"note\">esp-ota %s, %s, %.0f s. The files are named by their "
            "SHA-256 above.</p>\n",
            prove->is_long ? " --long" : "", ESP_OTA_VERSION, date, prove->seconds);
    fputs("<div class=\"sign\"><div>name</div><div>signature</div><div>date</div></div>\n", to);
}

bool prove_write_report(const struct prove *prove, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    if (!to) {
        cli_report_failure("there is not enough memory for the report");
        return false;
    }
    struct powercut_totals sum = prove_sum(prove);
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
          "name=\"viewport\" content=\"width=device-width\"><title>Power-cut proof: ",
          to);
    prove_put_text(to, base_name(prove->new_path));
    fprintf(to, "</title><style>%s</style></head><body>\n", STYLE);
    put_verdict(to, prove, &sum);
    put_tiles(to, prove, &sum);
    put_failures(to, prove);
    if (failures_of(prove, &sum) == 0) {
        put_meaning(to, prove);
    }
    put_firmware(to, prove);
    put_scenarios(to, prove);
    put_pictures(to, prove);
    put_tears(to, &sum);
    put_faults(to, prove);
    put_limits(to, prove);
    put_again(to, prove);
    fputs("</body></html>\n", to);
    bool is_whole = fclose(to) == 0;
    bool is_written = is_whole && cli_write_file(path, text, len);
    if (!is_whole) {
        cli_report_failure("there is not enough memory for the report");
    }
    free(text);
    return is_written;
}
