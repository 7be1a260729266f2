/*
 * wasabi_engine.h: the C face of the Wasm engine (engine/runtime, a Rust static library over Wasmtime).
 *
 * Only src/engine includes it. Its rules:
 *
 *   Threads     wsb_engine and wsb_program may be used from any thread at any time. A wsb_invocation belongs to one
 *               thread at a time: calls on the same one must not overlap, and a call may come from another thread
 *               than the one before it. The engine runs neither guest code nor callbacks on threads of its own,
 *               with one exception: `wake`, which any thread may call at any time.
 *   Callbacks   All but `wake` are called only inside wsb_invocation_start, _poll and _drop, on the calling thread.
 *               They must not throw, must not block, and must not call back into the same invocation.
 *   Ownership   Strings and arrays that are passed in are read before the call returns. Those that are handed to a
 *               callback are valid until the callback returns.
 *   Errors      Calls that can fail return NULL or false and fill in `*error` (may be NULL), which the caller frees
 *               with wsb_error_free. A panic inside the engine ends the call it happened in with such an error, or
 *               the invocation with WSB_END_HOST_FAULT; it never leaves the library.
 *   Sizes       are in bytes, times in nanoseconds unless their name says otherwise.
 */
#ifndef WASABI_ENGINE_H
#define WASABI_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Common ------------------------------------------------------------------------------------------------- */

/* Bytes that somebody else owns; not terminated. `data` may be NULL when `size` is 0. */
typedef struct wsb_bytes {
  const uint8_t* data;
  size_t size;
} wsb_bytes;

typedef struct wsb_field {
  wsb_bytes name;
  wsb_bytes value;
} wsb_field;

/* What went wrong in a call, for people. UTF-8. */
typedef struct wsb_error {
  char* text; /* NULL when there was no error; otherwise terminated */
  size_t size;
} wsb_error;
void wsb_error_free(wsb_error* error);

/* ---- Engine: one per process -------------------------------------------------------------------------------- */

typedef struct wsb_engine wsb_engine;

/* Every cap of the host side stands here. All are required; wsb_engine_config_default gives the starting values. */
typedef struct wsb_engine_config {
  uint32_t max_invocations;          /* live at once, parked ones included: slots for instances, memories, stacks */
  uint32_t max_warm_slots;           /* idle slots that remember their program */
  uint64_t max_memory_bytes;         /* one linear memory of any program */
  uint64_t memory_keep_resident;     /* of a slot's memory, cleared by writing instead of unmapped */
  uint64_t table_keep_resident;
  uint64_t stack_bytes;              /* a guest's whole fiber stack; the Wasm part of it is `wasm_stack_bytes` */
  uint64_t wasm_stack_bytes;
  uint64_t stack_keep_resident;
  uint32_t max_core_instances;       /* per component */
  uint32_t max_memories;             /* per program */
  uint32_t max_tables;               /* per program */
  uint32_t max_table_elements;       /* per table */
  uint64_t max_instance_bytes;       /* the engine's own state per core instance */
  uint64_t host_call_fuel;           /* bytes a guest may make the host copy or allocate in one host call */
  uint32_t max_resources;            /* handles of a component, pollables not counted; of a p1 command, all */
  uint32_t max_pollables;            /* of a component, besides; or fewer: */
  uint64_t memory_per_pollable;      /* one pollable for so much of the memory limit */
  uint64_t max_random_bytes;         /* asked for in one call */
  uint64_t max_header_bytes;         /* of one header block built by or for a guest */
} wsb_engine_config;
void wsb_engine_config_default(wsb_engine_config* config);

wsb_engine* wsb_engine_new(const wsb_engine_config* config, wsb_error* error);
/* All programs and invocations of the engine must be gone. */
void wsb_engine_delete(wsb_engine* engine);

/* Advances the epoch by one tick; guests look at it at loop heads and calls. Lock-free. */
void wsb_engine_tick(const wsb_engine* engine);

typedef struct wsb_pool_metrics {
  uint64_t live_core_instances;
  uint64_t live_memories;
  uint64_t live_stacks;
  uint64_t warm_memories;            /* idle slots that remember their program */
  uint64_t warm_resident_bytes;      /* what idle slots keep resident: memories, tables and stacks */
  uint64_t warm_memory_bytes;        /* the memories' part of it, given back when their program is deleted */
} wsb_pool_metrics;
void wsb_engine_pool_metrics(const wsb_engine* engine, wsb_pool_metrics* out);

/*
 * Names the engine's version, settings and target: a compiled module fits exactly the engines of the fingerprint it
 * was compiled for. Lower-case hex, terminated, static. `wasabi-compile --fingerprint` prints the same.
 */
const char* wsb_engine_fingerprint(void);

/* ---- Program: one compiled module, loaded and linked --------------------------------------------------------- */

typedef struct wsb_program wsb_program;

typedef enum wsb_program_kind {
  WSB_WASI_P1_COMMAND = 1,  /* core module that exports `_start` */
  WSB_CLI_COMMAND = 2,      /* component that exports wasi:cli/run@0.2.x */
  WSB_HTTP_PROXY = 3,       /* component that exports wasi:http/incoming-handler@0.2.x */
} wsb_program_kind;

typedef struct wsb_program_info {
  wsb_program_kind kind;
  uint64_t initial_memory_bytes;  /* of all memories together, at most; 0 if not known before the start */
  uint64_t initial_table_elements;  /* of all tables together, at most */
  uint64_t code_bytes;            /* size of the mapped image */
} wsb_program_info;

/*
 * Loads the compiled module that `fd` is open on, by mapping it; `fd` is not kept and not closed, but the program
 * keeps a descriptor of its own. Components are opened again through /proc/self/fd, so /proc must be there and the
 * process allowed to read the file. Bytes after the compiled module, such as a signature, are ignored. The file's bytes
 * become native code of this process: the caller has verified that our compiler wrote them, and nobody may change
 * the file while the program lives. Takes about a millisecond and reads the file, so not for an event loop's thread.
 */
wsb_program* wsb_program_load(const wsb_engine* engine, int fd, wsb_error* error);
void wsb_program_info_get(const wsb_program* program, wsb_program_info* out);
/* Gives up the caller's reference; invocations that run keep the program alive. */
void wsb_program_delete(wsb_program* program);

/* ---- Invocation: one run of a program ------------------------------------------------------------------------ */

typedef struct wsb_invocation wsb_invocation;
typedef struct wsb_instance wsb_instance;

/* Streams a guest writes to. */
typedef enum wsb_output {
  WSB_STDOUT = 1,
  WSB_STDERR = 2,
  WSB_RESPONSE_BODY = 3,  /* WSB_HTTP_PROXY only */
} wsb_output;

typedef enum wsb_growth {
  WSB_GROWTH_GRANT = 1,
  WSB_GROWTH_DENY = 2,   /* memory.grow returns -1 to the guest; an instance that cannot start fails */
  WSB_GROWTH_WAIT = 3,   /* the guest parks; asked again after wsb_invocation_retry_growth */
} wsb_growth;

/* Why an outbound call failed; what wasi:http tells the guest. */
typedef enum wsb_outbound_failure {
  WSB_OUTBOUND_DENIED = 1,
  WSB_OUTBOUND_DNS = 2,
  WSB_OUTBOUND_CONNECT = 3,
  WSB_OUTBOUND_TIMEOUT = 4,
  WSB_OUTBOUND_TLS = 5,
  WSB_OUTBOUND_CERTIFICATE = 6, /* the peer's is not accepted */
  WSB_OUTBOUND_PROTOCOL = 7,
  WSB_OUTBOUND_DISCONNECTED = 8,
  WSB_OUTBOUND_LIMIT = 9,
  WSB_OUTBOUND_INTERNAL = 10,
} wsb_outbound_failure;

/* A request a guest makes. */
typedef struct wsb_outbound_request {
  wsb_bytes method;
  bool tls;             /* scheme https */
  wsb_bytes authority;  /* host or host:port */
  wsb_bytes path;       /* with query; never empty */
  const wsb_field* headers;
  size_t header_count;
  bool has_body;        /* chunks follow by `outbound_body` */
  uint64_t connect_timeout;
  uint64_t first_byte_timeout;
  uint64_t between_bytes_timeout;
} wsb_outbound_request;

typedef struct wsb_callbacks {
  /*
   * The invocation wants to be polled again. Any thread, any time, also after the invocation is gone: `wake_context`
   * must outlive the engine, and `token` is the number given at start, which the owner may find to be stale.
   * Called at most once between two polls.
   */
  void (*wake)(void* wake_context, uint64_t token);

  /* How many bytes of this stream the host takes now. 0 parks the guest until wsb_invocation_output_ready. */
  size_t (*output_room)(void* user, wsb_output stream);
  /* Bytes the guest wrote: for stdout and stderr at most the room just told, for WSB_RESPONSE_BODY one chunk of at
     most 1 MiB whatever the room was, and asked only when there was room. */
  void (*output)(void* user, wsb_output stream, wsb_bytes data);

  /* Bytes of the request body that the guest has taken, for the flow control of whoever pushes them. */
  void (*input_consumed)(void* user, size_t size);

  /* WSB_HTTP_PROXY: the response head, once, before any WSB_RESPONSE_BODY; interim responses do not exist. */
  void (*response_head)(void* user, uint16_t status, const wsb_field* headers, size_t header_count);
  /* WSB_HTTP_PROXY: the body is complete. The guest may go on running after it. */
  void (*response_end)(void* user, const wsb_field* trailers, size_t trailer_count);

  /*
   * The instance's memories and tables together would grow from `held` to `wanted` bytes. Not called beyond the
   * hard limit, where growth fails at once. Called for the initial memories as well (`held` starts at 0).
   */
  wsb_growth (*memory_growth)(void* user, uint64_t held, uint64_t wanted);

  /*
   * The guest makes an outbound request. Returns 0 to accept it, in which case the host answers by the
   * wsb_outbound_* calls with the same `id`; or a wsb_outbound_failure.
   */
  int (*outbound_start)(void* user, uint64_t id, const wsb_outbound_request* request);
  size_t (*outbound_room)(void* user, uint64_t id);            /* as output_room; 0 parks until wsb_outbound_ready */
  void (*outbound_body)(void* user, uint64_t id, wsb_bytes data);
  void (*outbound_body_end)(void* user, uint64_t id, bool complete);
  void (*outbound_consumed)(void* user, uint64_t id, size_t size);  /* response bytes the guest has taken */
  /* The guest gave up or is gone: no more calls with this id. Not called after wsb_outbound_end or _fail. */
  void (*outbound_cancel)(void* user, uint64_t id);
} wsb_callbacks;

/* A directory the guest may read. */
typedef struct wsb_directory {
  wsb_bytes guest_path;
  wsb_bytes host_path;
} wsb_directory;

typedef struct wsb_start {
  const wsb_program* program;
  const wsb_callbacks* callbacks;  /* outlives the engine */
  void* user;                      /* passed to the callbacks; outlives the invocation */
  void* wake_context;
  uint64_t wake_token;

  uint64_t memory_limit;           /* hard, all memories and tables of the instance together */
  const wsb_field* environment;
  size_t environment_count;
  const wsb_bytes* arguments;      /* the first is the program's name; commands only */
  size_t argument_count;
  const wsb_directory* directories;  /* read-only */
  size_t directory_count;

  /* WSB_HTTP_PROXY: the request. Ignored for commands. */
  wsb_bytes method;
  bool tls;                        /* scheme https */
  wsb_bytes authority;
  wsb_bytes path;                  /* with query */
  const wsb_field* headers;        /* names in lower case */
  size_t header_count;

  bool has_input;                  /* body or stdin follow by wsb_invocation_push; otherwise it is empty */

  /*
   * An instance an earlier invocation of the same program left, or NULL for a fresh one. Taken over, also when the
   * start fails. It keeps its environment, arguments and directories, whatever stands above, and the memory it holds
   * (wsb_invocation_memory says how much): `memory_growth` is asked only for more.
   */
  wsb_instance* instance;
} wsb_start;

/*
 * Never runs guest code. NULL on error: the pool is full (error text starts with "pool: "), or the request has a
 * method, authority, path or header that HTTP does not allow. Bytes of environment and arguments that are not UTF-8
 * reach the guest as replacement characters.
 */
wsb_invocation* wsb_invocation_start(const wsb_engine* engine, const wsb_start* start, wsb_error* error);

typedef enum wsb_poll {
  WSB_POLL_DONE = 1,          /* wsb_invocation_end tells how; not to be polled again */
  WSB_POLL_WAITING = 2,       /* parked until `wake` is called */
  WSB_POLL_OUT_OF_SLICE = 3,  /* still computing; `wake` is not called for it */
} wsb_poll;

/*
 * Runs the guest until it ends, waits, or has run for about `slice` and a tick has come. Without ticks a looping
 * guest does not return.
 */
wsb_poll wsb_invocation_poll(wsb_invocation* invocation, uint64_t slice);

/* Input: request body or stdin. Copies. Wakes a guest that waits for it. */
void wsb_invocation_push(wsb_invocation* invocation, wsb_bytes data);
void wsb_invocation_push_end(wsb_invocation* invocation);

/* There is room again on a stream whose `output_room` was 0. */
void wsb_invocation_output_ready(wsb_invocation* invocation);
/* Ask `memory_growth` again. */
void wsb_invocation_retry_growth(wsb_invocation* invocation);

void wsb_outbound_head(wsb_invocation* invocation, uint64_t id, uint16_t status, const wsb_field* headers, size_t header_count);
void wsb_outbound_push(wsb_invocation* invocation, uint64_t id, wsb_bytes data);
void wsb_outbound_end(wsb_invocation* invocation, uint64_t id, const wsb_field* trailers, size_t trailer_count);
void wsb_outbound_fail(wsb_invocation* invocation, uint64_t id, wsb_outbound_failure failure);
void wsb_outbound_ready(wsb_invocation* invocation, uint64_t id);

typedef enum wsb_end_kind {
  WSB_END_RETURNED = 1,         /* commands: exit code 0; WSB_HTTP_PROXY: handler returned, response complete */
  WSB_END_EXIT_CODE = 2,        /* commands: exit code other than 0 (a cli command's `err` is 1) */
  WSB_END_TRAP = 3,             /* unreachable, out of bounds, division by zero ... */
  WSB_END_STACK_OVERFLOW = 4,
  WSB_END_MEMORY_LIMIT = 5,     /* ended by a trap, exit code or failed start after growth met `memory_limit` */
  WSB_END_RESOURCE_LIMIT = 6,   /* a cap of wsb_engine_config met: host-call fuel, resource table, tables ... */
  WSB_END_NO_RESPONSE = 7,      /* WSB_HTTP_PROXY: returned, or dropped the outparam, without a response */
  WSB_END_GUEST_ERROR = 8,      /* WSB_HTTP_PROXY: set an error instead of a response; body cut short by the guest */
  WSB_END_POOL_FULL = 9,        /* no free slot at instantiation */
  WSB_END_HOST_FAULT = 10,      /* a panic or error of the engine's own code */
} wsb_end_kind;

typedef struct wsb_end {
  wsb_end_kind kind;
  int32_t exit_code;
  wsb_bytes message;            /* for the log: trap text, at most a few frames; valid as long as the invocation */
  uint64_t peak_memory_bytes;   /* most the memories and tables ever held */
  bool limit_met;               /* growth was refused at `memory_limit` at least once, whatever the end */
} wsb_end;
void wsb_invocation_end(const wsb_invocation* invocation, wsb_end* out);

/* Bytes the instance's memories and tables hold now. */
uint64_t wsb_invocation_memory(const wsb_invocation* invocation);

/*
 * WSB_HTTP_PROXY, after WSB_POLL_DONE with WSB_END_RETURNED: the instance for another invocation of the same program,
 * or NULL if it cannot be used again.
 */
wsb_instance* wsb_invocation_take_instance(wsb_invocation* invocation);
void wsb_instance_delete(wsb_instance* instance);

/* Ends the guest wherever it is and frees everything; also how to cancel. */
void wsb_invocation_drop(wsb_invocation* invocation);

#ifdef __cplusplus
}
#endif

#endif
