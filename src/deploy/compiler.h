// What makes a compiled module out of a module, for the deployer.
#pragma once

#include <string>

#include "base/error.h"
#include "base/unique_function.h"
#include "catalog/builder.h"
#include "platform/version.h"

namespace wasabi::deploy {

// Thread-safe.
class Compiler {
 public:
  virtual ~Compiler() = default;
  virtual std::string fingerprint() const = 0;  // of the engine it compiles for
  // `done` runs once, on any thread, with the reason when it failed.
  virtual void compile(const std::string& module_file, const platform::Digest& module,
                       UniqueFunction<void(Result<void>)> done) = 0;
};

// By the builder's process. `builder` outlives this.
class BuilderCompiler final : public Compiler {
 public:
  explicit BuilderCompiler(catalog::BuilderClient& builder) : builder_(builder) {}
  std::string fingerprint() const override { return builder_.engineFingerprint(); }
  void compile(const std::string& module_file, const platform::Digest& module,
               UniqueFunction<void(Result<void>)> done) override {
    builder_.build(module_file, module,
                   [shared = std::make_shared<UniqueFunction<void(Result<void>)>>(std::move(done))](
                       Result<void> result) { (*shared)(std::move(result)); });
  }

 private:
  catalog::BuilderClient& builder_;
};

}  // namespace wasabi::deploy
