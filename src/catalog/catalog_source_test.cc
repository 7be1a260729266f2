#include "catalog/catalog_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "base/units.h"
#include "catalog/test_directory.h"

namespace wasabi::catalog {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class CatalogSourceTest : public testing::Test {
 protected:
  void start() {
    auto source = CatalogSource::open(directory_.path(), log_, [this](CatalogPtr catalog) {
      std::lock_guard lock(mutex_);
      latest_ = std::move(catalog);
      ++snapshots_;
      changed_.notify_all();
    });
    ASSERT_TRUE(source) << source.error().message();
    source_ = std::move(*source);
  }

  // How long it took until a snapshot satisfied the condition. It must do so before the source looks at everything in
  // any case: then the change was noticed.
  template <typename Condition>
  Duration waitFor(Condition condition) {
    const TimePoint begin = Clock::now();
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, 20s, [&] { return latest_ && condition(*latest_); }));
    return Clock::now() - begin;
  }
  Duration waitForFunctions(std::size_t count) {
    return waitFor([count](const Catalog& catalog) { return catalog.functions().size() == count; });
  }
  Result<CatalogPtr> reload() {
    auto read = std::make_shared<std::promise<Result<CatalogPtr>>>();
    source_->reload([read](Result<CatalogPtr> result) { read->set_value(std::move(result)); });
    return read->get_future().get();
  }
  int snapshots() {
    std::lock_guard lock(mutex_);
    return snapshots_;
  }
  std::string logged() {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  std::size_t loggedProblems() {
    std::size_t count = 0;
    const std::string text = logged();
    for (std::size_t at = 0; (at = text.find("\"catalog problem\"", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  TestDirectory directory_;
  std::mutex mutex_;
  std::condition_variable changed_;
  CatalogPtr latest_;
  int snapshots_ = 0;
  std::string lines_;
  Logger log_{[this](std::string_view line) {
    std::lock_guard lock(mutex_);
    lines_ += line;
  }};
  std::unique_ptr<CatalogSource> source_;
};

TEST_F(CatalogSourceTest, AMissingDirectoryIsAnError) {
  auto source = CatalogSource::open(directory_.path("none"), log_, [](CatalogPtr) {});
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(source.error().message(), HasSubstr(directory_.path("none")));
}

TEST_F(CatalogSourceTest, TheFirstSnapshotIsThereAtOnceAndAnnounced) {
  directory_.write("a/m.wasm", "1");
  directory_.write("a/f.toml", "module = 'm.wasm'");
  start();
  EXPECT_EQ(source_->current()->functions().size(), 1u);
  waitForFunctions(1);
}

TEST_F(CatalogSourceTest, ChangesAreNoticed) {
  directory_.write("m.wasm", "1");
  start();
  waitForFunctions(0);
  directory_.write("new-tenant/f.toml", "module = '../m.wasm'");
  waitForFunctions(1);

  directory_.write("new-tenant/f.toml", "module = '../m.wasm'\nreuse = 3");
  waitFor([](const Catalog& c) { return c.functions()[0]->reuse == 3; });

  const ModuleDigest digest = source_->current()->functions()[0]->module;
  directory_.write("m.wasm", "22");
  waitFor([&](const Catalog& c) { return c.functions()[0]->module != digest; });

  directory_.write("new-tenant/f.toml.tmp", "module = '../m.wasm'\nreuse = 4");
  std::filesystem::rename(directory_.path("new-tenant/f.toml.tmp"), directory_.path("new-tenant/f.toml"));
  waitFor([](const Catalog& c) { return c.functions()[0]->reuse == 4; });

  directory_.remove("new-tenant/f.toml");
  waitForFunctions(0);
}

TEST_F(CatalogSourceTest, ReloadAnswersWithWhatIsThereNow) {
  directory_.write("m.wasm", "1");
  start();
  for (std::size_t count = 1; count <= 3; ++count) {
    directory_.write("t/f" + std::to_string(count) + ".toml", "module = '../m.wasm'");
    const auto read = reload();
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ((*read)->functions().size(), count);
    std::lock_guard lock(mutex_);
    EXPECT_EQ(latest_, *read) << "the change was announced later than the answer";
  }
  directory_.write("t/f1.toml", "module = ");
  const auto broken = reload();
  EXPECT_EQ((*broken)->functions().size(), 3u);
  EXPECT_EQ((*broken)->problems().size(), 1u);
}

TEST_F(CatalogSourceTest, ReloadSaysWhenTheDirectoryIsGone) {
  directory_.write("catalog/t/m.wasm", "1");
  directory_.write("catalog/t/f.toml", "module = 'm.wasm'");
  auto source = CatalogSource::open(directory_.path("catalog"), log_, [](CatalogPtr) {});
  ASSERT_TRUE(source);
  source_ = std::move(*source);
  // At once: a directory that is emptied first is a catalog without functions for that moment.
  std::filesystem::rename(directory_.path("catalog"), directory_.path("elsewhere"));
  const auto read = reload();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(source_->current()->functions().size(), 1u);
}

TEST_F(CatalogSourceTest, AWholeDirectoryThatIsSwappedByALinkIsFollowed) {
  directory_.write("v1/a/m.wasm", "1");
  directory_.write("v1/a/f.toml", "module = 'm.wasm'");
  directory_.write("v2/a/m.wasm", "1");
  directory_.write("v2/a/f.toml", "module = 'm.wasm'");
  directory_.write("v2/a/g.toml", "module = 'm.wasm'");
  std::filesystem::create_directory_symlink("v1", directory_.path("now"));
  auto source = CatalogSource::open(directory_.path("now"), log_, [this](CatalogPtr catalog) {
    std::lock_guard lock(mutex_);
    latest_ = std::move(catalog);
    changed_.notify_all();
  });
  ASSERT_TRUE(source);
  // Until the files are no longer young: from then on nothing but the link's change makes it look.
  std::this_thread::sleep_for(1s);
  std::filesystem::create_directory_symlink("v2", directory_.path("next"));
  std::filesystem::rename(directory_.path("next"), directory_.path("now"));
  waitForFunctions(2);
}

TEST_F(CatalogSourceTest, AConfigMapThatIsSwappedIsFollowed) {
  directory_.write("a/..1/f.toml", "module = 'm.wasm'");
  directory_.write("a/..1/m.wasm", "1");
  directory_.write("a/..2/f.toml", "module = 'm.wasm'\nreuse = 2");
  directory_.write("a/..2/m.wasm", "1");
  std::filesystem::create_directory_symlink("..1", directory_.path("a/..data"));
  std::filesystem::create_symlink("..data/f.toml", directory_.path("a/f.toml"));
  std::filesystem::create_symlink("..data/m.wasm", directory_.path("a/m.wasm"));
  start();
  waitForFunctions(1);
  std::filesystem::create_directory_symlink("..2", directory_.path("a/..data_tmp"));
  std::filesystem::rename(directory_.path("a/..data_tmp"), directory_.path("a/..data"));
  directory_.remove("a/..1");
  waitFor([](const Catalog& c) { return c.functions()[0]->reuse == 2; });
}

TEST_F(CatalogSourceTest, ABrokenManifestIsLoggedOnceAndRecovers) {
  directory_.write("a/m.wasm", "1");
  directory_.write("a/f.toml", "module = 'm.wasm'");
  start();
  waitForFunctions(1);
  directory_.write("a/f.toml", "module = 'm.wasm'\nfils = 1");
  waitFor([](const Catalog& c) { return c.problems().size() == 1; });
  EXPECT_EQ(source_->current()->functions().size(), 1u);
  directory_.write("a/other.toml", "module = 'm.wasm'");
  waitForFunctions(2);
  EXPECT_EQ(loggedProblems(), 1u);
  EXPECT_THAT(logged(), HasSubstr("\"line\":2"));
  EXPECT_THAT(logged(), HasSubstr("did you mean 'files'?"));
  directory_.write("a/f.toml", "module = 'm.wasm'\nfiles = '.'");
  waitFor([](const Catalog& c) { return c.problems().empty(); });
}

TEST_F(CatalogSourceTest, ARaceOfWritersEndsInTheirLastState) {
  directory_.write("a/m.wasm", "1");
  start();
  std::atomic<bool> stop = false;
  std::vector<std::thread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([this, &stop, w] {
      for (int i = 0; !stop; ++i) {
        const std::string folder = "t" + std::to_string(w) + "-" + std::to_string(i % 7);
        directory_.write(folder + "/f.toml", "module = '../a/m.wasm'\nreuse = " + std::to_string(i));
        if (i % 3 == 0) directory_.remove(folder);
      }
    });
  }
  std::this_thread::sleep_for(1500ms);
  stop = true;
  for (std::thread& writer : writers) writer.join();
  std::size_t there = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path()))
    there += entry.path().extension() == ".toml";
  waitFor([there](const Catalog& c) { return c.functions().size() == there && c.problems().empty(); });
  for (const FunctionPtr& function : source_->current()->functions()) {
    EXPECT_THAT(readWholeFile(function->manifest_file),
                testing::EndsWith("reuse = " + std::to_string(function->reuse)));
  }
}

TEST_F(CatalogSourceTest, TenThousandManifests) {
  directory_.write("lib/m.wasm", "module");
  for (int i = 0; i < 10'000; ++i) {
    directory_.write("t" + std::to_string(i / 100) + "/f" + std::to_string(i) + ".toml",
                     "module = '../lib/m.wasm'\n[env]\nNUMBER = '" + std::to_string(i) + "'\n");
  }
  const TimePoint begin = Clock::now();
  start();
  const Duration loading = Clock::now() - begin;
  EXPECT_EQ(source_->current()->functions().size(), 10'000u);
  RecordProperty("loading_ms", static_cast<int>(loading / 1ms));
  waitForFunctions(10'000);
  // Until the first look at young files is over; the change below is then one of many thousand quiet ones.
  std::this_thread::sleep_for(1s);
  directory_.write("t5/f500.toml", "module = '../lib/m.wasm'\nreuse = 9");
  const Duration change = waitFor([](const Catalog& c) { return c.find({"t5", "f500"})->reuse == 9; });
  RecordProperty("change_ms", static_cast<int>(change / 1ms));
}

}  // namespace
}  // namespace wasabi::catalog
