// The builder: turns modules into signed compiled modules in the store, by `wasabi-compile` as a limited child.
//
// It runs in a process of its own, forked by the box before that locks itself in (design section 14): the box's
// process can then neither write the store nor execute anything, and holds no signing key. The two talk over a
// socket pair; the box's side is BuilderClient. Every build has a process of its own below the builder, which reads
// the module, runs the compiler on exactly the bytes it hashed, signs the result and gives it its name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "catalog/function_spec.h"
#include "catalog/module_store.h"

namespace wasabi::catalog {

struct BuilderConfig {
  std::string store_directory;  // made if absent
  // Ed25519 private key in PEM form, mode 0600; made if absent. Its public half is written beside it: `<key_file>.pub`.
  std::string key_file;
  std::string compiler;  // path of wasabi-compile
  std::uint32_t max_parallel = 2;
  std::uint32_t max_queued = 10'000;
  // Per build. The compiler gets the limits of CPU time (whole seconds), memory and sizes to keep them itself.
  Duration cpu_limit = std::chrono::seconds(120);
  Duration wall_limit = std::chrono::seconds(300);
  ByteSize memory_limit{2ull << 30};
  ByteSize output_limit{512ull << 20};
  ByteSize input_limit{128ull << 20};
  // Of the whole store; the modules built longest ago make room. They are built again when they are asked for.
  ByteSize store_limit{64ull << 30};
};

enum class BuildPriority : std::uint8_t {
  kRequested,   // somebody waits for it
  kBackground,  // leaves a slot free for those, if there is more than one
};

// The box's side. Thread-safe.
class BuilderClient {
 public:
  // Forks the builder and waits until it is ready. Call before any thread starts, on a thread that lives as long as
  // the process (the main one): the builder ends with it, and when the client is destroyed. What stands in the way
  // of building is an error here: a store that cannot be written, a key that others may read, a compiler that does
  // not run.
  static Result<std::unique_ptr<BuilderClient>> fork(const BuilderConfig& config);
  // Ends the builder and its compilers. Builds that are not done fail before it returns.
  ~BuilderClient();

  VerifyKey verifyKey() const;
  std::string engineFingerprint() const;

  // Compiles and stores the module; `done` runs once, on the client's thread (made by the first build, so that it is
  // confined like whoever asks), with the reason when it failed. A module that is being built is not built twice. The
  // builder hashes what it read and refuses a file that does not have `digest`. kUnavailable: too many builds wait, the
  // builder has died, or this client is being destroyed; kExhausted: this module needs more than a build may have.
  void build(const std::string& module_file, const ModuleDigest& digest, std::function<void(Result<void>)> done,
             BuildPriority priority = BuildPriority::kRequested);

 private:
  struct Impl;
  explicit BuilderClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::catalog
