// The builder: turns modules into signed compiled modules in the store, by `wasabi-compile` as a limited child.
//
// It runs in a process of its own, forked by the box before that locks itself in (design section 14): the box's
// process can then neither write the store nor execute anything, and holds no signing key. The two talk over a
// socket pair; the box's side is BuilderClient.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "catalog/function_spec.h"
#include "catalog/module_store.h"

namespace wasabi::catalog {

struct BuilderConfig {
  std::string store_directory;
  std::string key_file;  // Ed25519 private key, mode 0600; made if absent
  std::string compiler;  // path of wasabi-compile
  std::uint32_t max_parallel = 2;
  std::uint32_t max_queued = 10'000;
  Duration cpu_limit = std::chrono::seconds(120);
  Duration wall_limit = std::chrono::seconds(300);
  ByteSize memory_limit{2ull << 30};
  ByteSize output_limit{512ull << 20};
  ByteSize input_limit{128ull << 20};
};

// The box's side. Thread-safe.
class BuilderClient {
 public:
  // Forks the builder. Call before any thread starts. The builder ends when the client is destroyed or its process
  // dies.
  static Result<std::unique_ptr<BuilderClient>> fork(const BuilderConfig& config);
  ~BuilderClient();

  VerifyKey verifyKey() const;
  std::string engineFingerprint() const;

  // Compiles and stores the module; `done` runs on the client's thread with the reason when it failed. A module that
  // is being built is not built twice. The builder hashes what it read and refuses a file that does not have `digest`.
  void build(const std::string& module_file, const ModuleDigest& digest, std::function<void(Result<void>)> done);

 private:
  struct Impl;
  explicit BuilderClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::catalog
