// Any bytes as a pre-encrypted image, for a P-256 or an RSA key, and as a saved state: whole, in pieces, and going on from a
// state in the middle, with the same end.
//
// The first byte says: bit 0: RSA; bit 1: the rest is a state to restore.

#include <string.h>

#include "esp_encrypted_img_stage.h"
#include "fuzz_check.h"
#include "fuzz_stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// tests/vectors/data/preenc: throwaway keys
static const char P256_KEY[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgM9/oWqPTQiArgVoL\n"
                               "p2Sd89pqhsCwccPlFGC6VsPytsahRANCAARoU/5h+EIU7pajcYhsDeBRBAHcJ72g\n"
                               "OdzQPBYsebhoj/MdRlU1LicC5KxLW9VM/JwWvakLsJX1C2dIfWk2yz7f\n"
                               "-----END PRIVATE KEY-----\n";
static const char RSA_KEY[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                              "MIIG5QIBAAKCAYEAtTMRnJ/aQquBh2T/5Ql3/OGYdpOQFOQh+zqHA+umIvxwEHw6\n"
                              "U88KBCai/vz9X5oFrlp8/bU+yNhXUKTKcdZ2v2lXe5C9FYqLVfljkiqz2F38shOC\n"
                              "aTzIq1v+gfSvhsNMqrtbuk4fAE3j2NdxAUgkaf0WZkatkjNV1QFZtVvlSyfurXMK\n"
                              "SZrCXvzX+y22a3wccdx2J1xUFyaf4K5wU01CPtLk+3xcWNYqiGlrO+O3qaU1r0yx\n"
                              "8NBGIi8/HcaR+ns/7wOOHLEqLBEpn4PPjpwI9qmQCns/epKGS6FF6mUpdYUzEHz1\n"
                              "/SWe/1Ky6OhKrZVuQRw9RcCk38k3/jZzBHiCXDfYDZEoX7kDXCfSDHsmFnpfksaj\n"
                              "/xyK8uDsLVLmPY7WMURvBSXL2wzDZlC3XOdqlKuR36tVMA6hwnJzO0uO66+qPMHS\n"
                              "JLidp2+Fwdl+ebJAGYtEENPUt8Q21SbwDQjXhIrSViHjXZfR/2feojHJr6mE4QOs\n"
                              "9U3OkLfp1mku+5m9AgMBAAECggGAI7Szxn+YeJVHwbilFUq7nnUNAGa9GGTJDnK+\n"
                              "ysa7lv7UDWeRbdTpRh6f9WvAeP+GmZAiu7Lks5qwAAftDagjf74AG20O2YkSwmcR\n"
                              "mCq6hEsnAadHBjpQV7YZzZ18HivrdmRTo7+Dq+FtYdw4XDaNWGZjLNXGG75qbj4l\n"
                              "IZABe8Ebbwnxj8YDgcjEva4JGZ6cE1LMZJ60wlgd3p45K60Yff08WpMrtmTDflx5\n"
                              "oVRS64bO8KOGF+xOuatCPnmT5/4zqs5jKb+T1Gaw5cRN5ljsTh/YX0ojfcqEQfg8\n"
                              "bXRzLO3gvH/9O+TPC0ZpeGwOdjaLWa1rlBpVLtJlhl6vhG8pqk1YU97JDxXZ0P95\n"
                              "2HKg5YdmKycUtHDrLojp43FlYajXVPg9DVbLbXVZGVI37OUv8N1IQFegKVHyn064\n"
                              "KT6US2MDns4ada56DmRWlSy7t2FMM6+XC8+xyPRR06lJk585tvNsn6+rpUSgIeiR\n"
                              "qQ8TFXKJiZum5Ynty1kswe5P/uDpAoHBAOCc/HNNm2GGnvTMKkCl6duh401dES6z\n"
                              "1/7ryZiy/4RswtJult8zmqoDI1AgOcbTTm+JfVBJXRFcoZSkjkO3dvUTfYIjJvBi\n"
                              "3hgi4hVbJL3w+ICJa/UIKXhDmpFbacAXqwpyPlWt1plen6JtANJaIU8minPjvZPu\n"
                              "bUMCo8vrW0eDoTIyy+5BCM4GpEGP/clElF0fSX98xNlCfFhEiFEbUAkEpk49wx+b\n"
                              "jWbudvvyqL+6HmWFq9V3+JmRlkvYWW9QlQKBwQDOhQ62eOkezwEuDRMqeMMrlEor\n"
                              "vD6QBXk/md6CRlk7aoCtmyAi71tepLN5kc7Bo7Why1bw1YTE5IUmsAqul7OaL6pG\n"
                              "EQqzJeXvGzn+/st39diB+MriG+Ghi43Lfy8AKhoDbjeSiO+oD5a4gn2r6rXqcW/B\n"
                              "2pUoaBCX2hyyOCdFupPvZEaJtJZQVdYbiPu2vJ/eBqiTmFt03hku1/vFAr+DjLjX\n"
                              "fgLBrLCzM58SeI2hsjJoxoWjRALACYlDvxkDEokCgcEAkOwZYpfnMkS22QHGHVIv\n"
                              "kntgenEa/gQh0CP4PeL4REwcY8Pg6oCUQS+nIDK6tJNwHz0ZsqyzNNmMk6ic9gow\n"
                              "4a3CpC3kGOPhorcXImpdSYRqAh0on7+1ahhMaY8Oq1daD3Joz8VLGkfYPeeQyShI\n"
                              "J5aZbG67ye/jZYIVhyQDECBY6FeoBsDFWpEkd/zc5XivNWpTdMNfC0L/kcAeKB60\n"
                              "RC1Q1Fi7RfCKiqg/8w29XX9Lz3swxJoUt5kc3TDpe44FAoHBAMc3671yXc9ueQDn\n"
                              "c/mgjQVZA0O1T9S2swP7dn3NRv7d+kt+PT32D/n4f3ligkShm/D7ql6gWndkyl1L\n"
                              "rMJHbOXr3SHCBsRSZsCFTykAuV57NeQLEAuWQc4IRTxs7/YEpxtwEwO0PRuuDgLn\n"
                              "Pju9KseBrgEezowv9vHFYbE6IghNt69S2Ai2v9m3M9dUCR16T+1qFuxqKK9QIJLj\n"
                              "nuepgv1vnk+iKx6Ra9MylNzIljfJIn+YIgog7VY63MMRcRtZoQKBwQCrF94kMriy\n"
                              "PwqT/FcaoLTuEPePuFapneuVtLNZot8FxJkczE1e/gdRNVFTJkcsZLAmUY7UYbCC\n"
                              "FUU740gN7/chgoDPxnDAd7Jlh3/6Yncbiz7ucIh424UWT9kY2Bi48l6ZLETvrvYc\n"
                              "5REP3QGKCJZvEDWvOIe+N2BXKOupBpT73gWTHYZeHNLU88cKrV4sCBPmWU/Vk+pq\n"
                              "9NyBbIJNMkLHqRFG5Pm97q7+TWp+RQTn1Tj9wjMSGx4UwR5j85YpBe0=\n"
                              "-----END RSA PRIVATE KEY-----\n";

static struct ota_stage *create(bool is_rsa)
{
    struct ota_stage *stage = NULL;
    FUZZ_CHECK(esp_encrypted_img_stage_create(is_rsa ? RSA_KEY : P256_KEY,
                                              is_rsa ? sizeof(RSA_KEY) : sizeof(P256_KEY),
                                              FUZZ_STAGE_LIMIT, &stage) == ESP_OK);
    return stage;
}

/** Nobody but the device makes a state that is taken, and the fuzzer does not have its key. */
static void restore(bool is_rsa, const uint8_t *data, size_t size)
{
    struct ota_stage *stage = create(is_rsa);
    FUZZ_CHECK(stage->ops->restore(stage, data, size) == ESP_ERR_INVALID_ARG);
    stage->ops->destroy(stage);
}

/** Decrypts the first cut bytes, then goes on with another stage; only if so far all is well. */
static bool run_with_state(bool is_rsa, const uint8_t *data, size_t size, size_t cut,
                           struct fuzz_stage_run *run)
{
    static struct fuzz_stage_run rest;
    uint8_t saved[OTA_STAGE_STATE_MAX];
    size_t saved_len = 0;
    size_t in_len = cut;
    struct ota_stage *stage = create(is_rsa);
    run->len = sizeof(run->out);
    run->err = stage->ops->step(stage, data, &in_len, run->out, &run->len);
    bool is_saved = run->err == ESP_OK && stage->ops->save(stage, saved, &saved_len) == ESP_OK;
    stage->ops->destroy(stage);
    if (!is_saved) {
        return false;
    }
    stage = create(is_rsa);
    FUZZ_CHECK(stage->ops->restore(stage, saved, saved_len) == ESP_OK);
    fuzz_stage_run(stage, data + in_len, size - in_len, 0, &rest);
    FUZZ_CHECK(run->len + rest.len <= FUZZ_STAGE_LIMIT);
    memcpy(run->out + run->len, rest.out, rest.len);
    run->len += rest.len;
    run->err = rest.err;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_stage_run whole;
    static struct fuzz_stage_run other;
    if (size == 0) {
        return 0;
    }
    bool is_rsa = data[0] & 1;
    bool is_state = data[0] & 2;
    data++;
    size--;
    if (is_state) {
        restore(is_rsa, data, size);
        return 0;
    }
    fuzz_stage_run(create(is_rsa), data, size, 0, &whole);
    fuzz_stage_run(create(is_rsa), data, size, (uint32_t)(1 + size % 200), &other);
    fuzz_stage_compare(&whole, &other);
    if (run_with_state(is_rsa, data, size, size / 2 + size / 4, &other)) {
        fuzz_stage_compare(&whole, &other);
    }
    return 0;
}
