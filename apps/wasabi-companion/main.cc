// wasabi-companion: beside a box that has neither network nor compiler, what makes its functions ready.

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/signals.h"
#include "catalog/builder.h"
#include "catalog/module_store.h"
#include "companion/companion.h"
#include "companion/shared_key.h"
#include "deploy/compiler.h"
#include "options.h"

namespace {

using namespace wasabi;

// What the companion works with; the builder first, since it is forked before any thread exists.
struct Workshop {
  std::unique_ptr<catalog::BuilderClient> builder;
  std::unique_ptr<catalog::ModuleStore> store;
  oci::ImageLayout cache;
};

Result<Workshop> openWorkshop(const CompanionOptions& options) {
  std::error_code error;
  const std::string keys = std::filesystem::path(options.builder.key_file).parent_path().string();
  for (const std::string& directory : {options.companion.shared_directory, options.cache_directory, keys}) {
    std::filesystem::create_directories(directory, error);
    if (error) return fail(Error::fromErrno(directory, error.value()));
  }
  auto builder = catalog::BuilderClient::fork(options.builder);
  if (!builder) return fail(std::move(builder).error());
  auto store = catalog::ModuleStore::open(options.builder.store_directory, (*builder)->engineFingerprint(),
                                          (*builder)->verifyKey());
  if (!store) return fail(std::move(store).error());
  auto cache = oci::ImageLayout::openOrCreate(options.cache_directory);
  if (!cache) return fail(std::move(cache).error());
  if (auto shared = companion::sharePublicKey(options.builder.key_file, options.companion.shared_directory); !shared) {
    return fail(std::move(shared).error());
  }
  return Workshop{std::move(*builder), std::move(*store), std::move(*cache)};
}

}  // namespace

int main(int argc, char** argv) {
  auto parsed = parseOptions(argc, argv);
  if (const auto* exit_code = std::get_if<ExitCode>(&parsed)) return exit_code->value;
  const CompanionOptions options = std::get<CompanionOptions>(std::move(parsed));
  Logger log(Logger::standardError());
  const auto cannotStart = [&log](const Error& error) {
    log.error("cannot start", {{"reason", error.message()}});
    return 1;
  };
  const Signals signals(Signals::Reload::kIgnoredByDefault);
  if (!signals.valid()) return cannotStart({ErrorCode::kExhausted, "no file descriptor is left to wait for signals"});
  auto workshop = openWorkshop(options);
  if (!workshop) return cannotStart(workshop.error());
  deploy::BuilderCompiler compiler(*workshop->builder);
  std::atomic<bool> is_broken = false;
  companion::CompanionServices services{companion::fetchInto(workshop->cache, options.registry), compiler,
                                        *workshop->store, [&workshop] { companion::dropFetched(workshop->cache); },
                                        [&](const Error& error) {
                                          if (!is_broken.exchange(true))
                                            log.error("nothing can be compiled any more",
                                                      {{"reason", error.message()}});
                                          signals.askToEnd();
                                        }};
  auto running = companion::Companion::start(options.companion, services, log);
  if (!running) return cannotStart(running.error());
  log.info("companion started",
           {{"catalog", options.companion.catalog_directory}, {"shared", options.companion.shared_directory}});
  while (signals.wait() != Signals::Wanted::kEnd) {
  }
  running->reset();
  log.info("stopped");
  return is_broken ? 1 : 0;
}
