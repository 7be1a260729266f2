// One build: from the file of a module to a signed compiled module in the store.
#pragma once

#include <string>

#include "base/error.h"
#include "catalog/builder.h"
#include "catalog/function_spec.h"
#include "catalog/signature.h"
#include "catalog/store_writer.h"

namespace wasabi::catalog {

struct CompileJob {
  const BuilderConfig& config;
  const StoreWriter& store;
  const SigningKey& key;
};

// Blocks until it is done. The compiler gets exactly the bytes that have `digest`, whatever happens to the file.
// Only in a process with one thread.
Result<void> compileModule(const CompileJob& job, const std::string& module_file, const ModuleDigest& digest);

// What the compiler says its compiled modules fit.
Result<std::string> askFingerprint(const std::string& compiler);

}  // namespace wasabi::catalog
