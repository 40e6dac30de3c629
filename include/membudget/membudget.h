/* SPDX-License-Identifier: MIT */
#ifndef MEMBUDGET_MEMBUDGET_H
#define MEMBUDGET_MEMBUDGET_H

/** @file
 * membudget for C and for every language that calls C: will this language model fit this Mac, and
 * how far can its context go?
 *
 *   membudget_planner *planner = NULL;
 *   char *response = NULL;
 *   membudget_planner_create(&planner);
 *   membudget_plan_json(planner, NULL,
 *                       "{\"model\": \"qwen2.5-coder:32b\", \"chip\": \"m1-max-32gb\"}",
 * &response); puts(response); membudget_string_free(response); membudget_planner_destroy(planner);
 *
 * Threads: no state is shared but what the handles hold. Functions that take a handle as `const`
 * may be called with the same one from any number of threads at once; those that take it otherwise
 * (_add_profile, _destroy) need it for themselves. No function blocks on anything but memory, reads
 * a file, the environment or the network, prints, or lets an exception out.
 *
 * Ownership: what a function hands out through a `**` argument is the caller's: handles go back to
 * their own _destroy, strings to membudget_string_free(). Arguments are never kept: they may go as
 * soon as the call returns. A handle needs no other one to live on.
 *
 * Failures: what a function could not do it says with a status other than MEMBUDGET_OK, and with an
 * error in JSON where it has an argument for one:
 *
 *   {"error": {"code": "bad_request", "where": "/ctx-size", "message": "..."}}
 *
 * by profiles/schema/error.schema.json. `code` is one of io, truncated, invalid_model, unsupported,
 * invalid_profile, unknown_name, bad_request, overflow, network and internal; `where` is the JSON
 * pointer of the key at fault, or a place in the bytes, or empty; `message` is one line for people.
 * "Does not fit" is an answer, not a failure. Every handle and string handed out is NULL after a
 * failure, except for this error, which is NULL after a success and where no memory was left for it.
 *
 * Sizes are whole bytes (1 GiB = 2^30), contexts whole tokens. Text is UTF-8 that ends with a zero
 * byte.
 *
 * Versions: functions and members are added at the end and never change; structs that the caller
 * provides begin with their size, so that a newer library serves an older caller. An older library
 * refuses a newer caller's settings of which it does not know one that is set, and leaves in the
 * size of figures how many bytes of them it filled. */

#include <stddef.h>
#include <stdint.h>

/** Makes a function visible outside of a shared library whose other functions are hidden. */
#ifndef MEMBUDGET_API
#if defined(__GNUC__) || defined(__clang__)
#define MEMBUDGET_API __attribute__((visibility("default")))
#else
#define MEMBUDGET_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** What became of a call. 2 and 3 are what the program would exit with. */
typedef enum membudget_status {
  MEMBUDGET_OK = 0,
  /** The request is wrong: not JSON, an unknown key, chip or runtime, settings that the engine
   * refuses. */
  MEMBUDGET_BAD_REQUEST = 2,
  /** A model or profile that cannot be understood, or that nobody knows. */
  MEMBUDGET_UNREADABLE = 3,
  /** The bytes end within the model's header: come back with more. */
  MEMBUDGET_NEEDS_BYTES = 5,
  MEMBUDGET_NO_MEMORY = 6,
  /** An argument that must not be NULL is, a struct has no size (at most 4096 bytes), or holds a
   * setting that this version does not know. */
  MEMBUDGET_BAD_ARGUMENT = 7,
  /** A fault of the library itself. */
  MEMBUDGET_INTERNAL = 8
} membudget_status;

/** What is known of chips, models, quantizations, runtimes and stacks. */
typedef struct membudget_planner membudget_planner;

/** A model that was read from bytes. */
typedef struct membudget_model membudget_model;

/** A model on a machine with a runtime, of which the settings are still to be varied. */
typedef struct membudget_prepared membudget_prepared;

/** "0.1.0": of the library that is linked. Static; never NULL. */
MEMBUDGET_API const char* membudget_version(void);

/** Frees a string that this library handed out; NULL is nothing. */
MEMBUDGET_API void membudget_string_free(char* string);

/** A planner with the profiles that are compiled in. Takes microseconds.
 * Fails with MEMBUDGET_BAD_ARGUMENT and MEMBUDGET_NO_MEMORY. */
MEMBUDGET_API membudget_status membudget_planner_create(membudget_planner** out);

/** Adds a chip, model, quantization, runtime or stack, or replaces the one of the same id. `json`
 * holds `size` bytes as a file of profiles/ does, schemas and all; it need not end with a zero
 * byte. `error_json` may be NULL. The planner stays as it was when this fails: with
 * MEMBUDGET_UNREADABLE for what is no such profile, the error's `where` being
 * `profile#/json/pointer` or `profile:line:column`. */
MEMBUDGET_API membudget_status membudget_planner_add_profile(membudget_planner* planner,
                                                             const char* json, size_t size,
                                                             char** error_json);

/** NULL is nothing. Models and prepared plans live on. */
MEMBUDGET_API void membudget_planner_destroy(membudget_planner* planner);

/** The model that a GGUF file (version 2 or 3) describes, from its first `size` bytes; weights are
 * never needed. `file_size` is the length of the whole file in bytes, so that a download that was
 * cut is noticed; it is `size` where the bytes are the whole file. `error_json` may be NULL. Fails
 * with MEMBUDGET_NEEDS_BYTES where the header goes on beyond `size`: the error then has a member
 * `needs_bytes` too, and membudget_gguf_needs_bytes() says the same. Fails with
 * MEMBUDGET_UNREADABLE for what is no GGUF, contradicts itself, or is one part of several, and with
 * MEMBUDGET_BAD_REQUEST where `size` is more than `file_size`. */
MEMBUDGET_API membudget_status membudget_model_from_gguf(const void* bytes, size_t size,
                                                         uint64_t file_size, membudget_model** out,
                                                         char** error_json);

/** Into `needs_bytes`: how many first bytes of the file membudget_model_from_gguf() wants to be
 * called with; 0 where `size` are enough, or where more would not help. Reads the header to find
 * out, so call it only after MEMBUDGET_NEEDS_BYTES. Always more than `size`, never more than
 * `file_size`. Fails with MEMBUDGET_BAD_ARGUMENT and MEMBUDGET_NO_MEMORY. */
MEMBUDGET_API membudget_status membudget_gguf_needs_bytes(const void* bytes, size_t size,
                                                          uint64_t file_size,
                                                          uint64_t* needs_bytes);

/** NULL is nothing. */
MEMBUDGET_API void membudget_model_destroy(membudget_model* model);

/** Plans a model on a Mac. `request` is a JSON object whose keys are the long options of
 * `membudget plan` without their dashes, and "model":
 *
 *   {"model": "qwen2.5-coder:32b", "chip": "m1-max-32gb", "ctx-size": "8k", "cache-type": "q8_0",
 *    "runtime": "ollama", "kv-unified": true}
 *
 * "chip" must be there, and "model": a name of the catalog or, with `model`, what the file is
 * called, which is optional then. Options that read files, the network or this machine are refused.
 *
 * `response` is what the program prints for the same options with --json, to the byte, by
 * profiles/schema/plan.schema.json; or the error. Fails with MEMBUDGET_BAD_REQUEST and
 * MEMBUDGET_UNREADABLE. Takes tens of milliseconds, some hundred where much is searched: nearly all
 * of it goes into the largest contexts and into better settings. */
MEMBUDGET_API membudget_status membudget_plan_json(const membudget_planner* planner,
                                                   const membudget_model* model,
                                                   const char* request, char** response);

/** `response` is what `membudget list KIND --json` prints, or the error. `kind` is "chips",
 * "models", "quants", "runtimes" or "stacks". Fails with MEMBUDGET_BAD_REQUEST. */
MEMBUDGET_API membudget_status membudget_list_json(const membudget_planner* planner,
                                                   const char* kind, char** response);

/* The hot path: one model, machine and runtime, many settings, no JSON in between. */

/** Prepares plans for a request as membudget_plan_json() takes it; `model` may be NULL.
 * `error_json` may be NULL. Fails as membudget_plan_json() does, but for settings that only the
 * engine refuses. */
MEMBUDGET_API membudget_status membudget_prepare(const membudget_planner* planner,
                                                 const membudget_model* model, const char* request,
                                                 membudget_prepared** out, char** error_json);

/** NULL is nothing. */
MEMBUDGET_API void membudget_prepared_destroy(membudget_prepared* prepared);

/** What to change of a request; begin with MEMBUDGET_SETTINGS_INIT. 0 and NULL leave a setting as
 * it was asked for. */
typedef struct membudget_settings {
  size_t size;              /**< sizeof(membudget_settings) */
  int64_t context;          /**< Tokens, as "ctx-size": of all slots, with Ollama of each. */
  int64_t parallel;         /**< Slots: 1 to 256. */
  const char* cache_type_k; /**< "f16", "q8_0", ...; upper case too. */
  const char* cache_type_v;
} membudget_settings;

/** Settings that change nothing. */
#define MEMBUDGET_SETTINGS_INIT \
  { sizeof(membudget_settings), 0, 0, NULL, NULL }

/** Whether a machine has the memory that is needed, best first. */
typedef enum membudget_verdict {
  MEMBUDGET_COMFORTABLE = 0, /**< Fits with the safety margin to spare. */
  MEMBUDGET_TIGHT = 1,       /**< Fits; the margin is used up, or a part is only assumed. */
  MEMBUDGET_CRAWLS = 2,      /**< Over Metal's limit, within RAM: only in part on the GPU. */
  MEMBUDGET_DOES_NOT_FIT = 3 /**< More than the RAM that is left. */
} membudget_verdict;

/** A plan in numbers; begin with MEMBUDGET_FIGURES_INIT. The members are those of the same name in
 * membudget_plan_json()'s "memory", "budget" and "settings". */
typedef struct membudget_figures {
  size_t size;     /**< sizeof(membudget_figures); afterwards the bytes that were filled. */
  int32_t verdict; /**< A membudget_verdict. */
  int32_t binding; /**< What has the least room: 0 = the GPU's limit, 1 = the RAM. */
  int64_t context; /**< Tokens, of all slots. */
  int64_t weights_bytes;
  int64_t kv_cache_bytes;
  int64_t recurrent_state_bytes;
  int64_t compute_bytes;
  int64_t output_bytes;
  int64_t overhead_bytes; /**< Everything else, so that these six sum to total_bytes. */
  int64_t gpu_bytes;
  int64_t host_bytes;
  int64_t total_bytes;
  int64_t gpu_limit_bytes;
  int64_t ram_available_bytes;
  int64_t headroom_bytes; /**< Under the limit that binds; negative: what is missing. */
} membudget_figures;

/** Room for figures. */
#define MEMBUDGET_FIGURES_INIT \
  { sizeof(membudget_figures), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Plans the prepared model with these settings (NULL: as asked for) into `out`. `error_json` may
 * be NULL. Where the request asks for the context "max" and `settings` for no other, the largest
 * one is searched for. Fails with MEMBUDGET_BAD_REQUEST for settings that the engine refuses; `out`
 * then stays as it was. Takes about a quarter of a millisecond for a model of 32 layers, in
 * proportion for more. */
MEMBUDGET_API membudget_status membudget_prepared_figures(const membudget_prepared* prepared,
                                                          const membudget_settings* settings,
                                                          membudget_figures* out,
                                                          char** error_json);

/** Into `tokens`: the largest context, of all slots, that fits with these settings (NULL: as asked
 * for); their own context is of no meaning. 0 when none fits. `error_json` may be NULL. Fails as
 * membudget_prepared_figures(). Takes as long as that where the whole trained context fits, some
 * five times as long where not. */
MEMBUDGET_API membudget_status membudget_prepared_max_context(const membudget_prepared* prepared,
                                                              const membudget_settings* settings,
                                                              int64_t* tokens, char** error_json);

/** For programs that lay out a plan themselves, such as a page. */

/** `{"plan": ..., "words": ...}`: the plan as membudget_plan_json() gives it, and everything that
 * `membudget plan` says of it in words, by profiles/schema/words.schema.json. Fails as
 * membudget_plan_json() does. */
MEMBUDGET_API membudget_status membudget_page_json(const membudget_planner* planner,
                                                   const membudget_model* model,
                                                   const char* request, char** response);

/** Of these words those that need no search: headline, settings, verdict, parts, limits and the
 * bar. `response` is them or the error. Fails as membudget_prepared_figures() does, and costs
 * little more. */
MEMBUDGET_API membudget_status membudget_prepared_verdict_json(const membudget_prepared* prepared,
                                                               const membudget_settings* settings,
                                                               char** response);

#ifdef __cplusplus
}
#endif

#endif
