#include "catalog/catalog_scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <functional>

#include "catalog/digest.h"
#include "catalog/test_directory.h"

namespace wasabi::catalog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t kSecond = 1'000'000'000;

class CatalogScannerTest : public testing::Test {
 protected:
  static std::int64_t wallClock() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * kSecond + now.tv_nsec;
  }

  // As if it happened some time after the last write.
  CatalogScanner::Outcome scan() { return scanAt(wallClock() + 10 * kSecond); }
  CatalogScanner::Outcome scanAt(std::int64_t unix_now) {
    auto outcome = scanner_.scan(unix_now, CatalogScanner::Haste::kLeaveUnsettled);
    EXPECT_TRUE(outcome) << outcome.error().message();
    return outcome.value_or(CatalogScanner::Outcome{});
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const FunctionPtr& function : scanner_.functions()) names.push_back(function->name.toString());
    return names;
  }
  FunctionPtr only() const {
    const auto functions = scanner_.functions();
    return functions.size() == 1 ? functions[0] : std::make_shared<FunctionSpec>();
  }
  std::string onlyProblem() const {
    const auto problems = scanner_.problems();
    return problems.size() == 1 ? problems[0].reason : "problems: " + std::to_string(problems.size());
  }

  bool isOpenedBy(const std::string& name, const std::function<void()>& action) const {
    const FileDescriptor watch(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    EXPECT_GE(inotify_add_watch(watch.get(), directory_.path(name).c_str(), IN_OPEN), 0);
    action();
    std::array<char, 1024> events;
    return read(watch.get(), events.data(), events.size()) > 0;
  }

  TestDirectory directory_;
  CatalogScanner scanner_{directory_.path()};
};

TEST_F(CatalogScannerTest, ReadsManifestsAndTheirModules) {
  directory_.write("acme/app.wasm", "module bytes");
  directory_.write("acme/public/index.html", "x");
  directory_.write("acme/hello.toml", "module = 'app.wasm'\nfiles = 'public'");
  EXPECT_TRUE(scan().changed);
  EXPECT_THAT(scanner_.problems(), IsEmpty());
  const FunctionPtr hello = only();
  EXPECT_EQ(hello->name.toString(), "acme/hello");
  EXPECT_EQ(hello->module.toHex(), ModuleDigest{sha256("module bytes")}.toHex());
  EXPECT_EQ(hello->module_file, directory_.path("acme/app.wasm"));
  EXPECT_EQ(hello->files_directory, std::filesystem::canonical(directory_.path("acme/public")));
  EXPECT_EQ(hello->manifest_file, directory_.path("acme/hello.toml"));
  EXPECT_EQ(hello->version, versionOf(*hello));
}

TEST_F(CatalogScannerTest, AModuleByDigestNeedNotBeThere) {
  const std::string hex = ModuleDigest{sha256("x")}.toHex();
  directory_.write("acme/hello.toml", "module = 'sha256:" + hex + "'");
  scan();
  EXPECT_THAT(scanner_.problems(), IsEmpty());
  EXPECT_EQ(only()->module_file, directory_.path("modules/" + hex + ".wasm"));
}

TEST_F(CatalogScannerTest, OtherFilesAreNotFunctions) {
  directory_.write("modules/hello.toml", "module = 'x'");
  directory_.write(".git/hello.toml", "module = 'x'");
  directory_.write("acme/.hidden.toml", "module = 'x'");
  directory_.write("acme/readme.md", "");
  directory_.write("acme/sub/deeper.toml", "module = 'x'");
  directory_.write("Notes/readme.md", "");
  EXPECT_FALSE(scan().changed);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(CatalogScannerTest, WrongNamesAndPlacesAreProblems) {
  directory_.write("top.toml", "");
  scan();
  EXPECT_THAT(onlyProblem(), HasSubstr("<tenant>/<function>.toml"));
  directory_.remove("top.toml");
  directory_.write("Acme/f.toml", "");
  scan();
  EXPECT_THAT(onlyProblem(), HasSubstr("'Acme' is not a name"));
  directory_.remove("Acme");
  directory_.write("acme/f_1.toml", "");
  scan();
  EXPECT_THAT(onlyProblem(), HasSubstr("'f_1' is not a name"));
}

TEST_F(CatalogScannerTest, NothingChangesWhileNothingChanges) {
  directory_.write("a/m.wasm", "1");
  directory_.write("a/f.toml", "module = 'm.wasm'");
  directory_.write("a/broken.toml", "modul = 1");
  scan();
  const auto before = scanner_.functions();
  EXPECT_FALSE(scan().changed);
  EXPECT_EQ(scanner_.functions(), before);
  // Touched, but it says the same.
  directory_.write("a/f.toml", "module = 'm.wasm'");
  EXPECT_FALSE(scan().changed);
  EXPECT_EQ(scanner_.functions(), before);
}

TEST_F(CatalogScannerTest, ChangesAreFound) {
  directory_.write("a/m.wasm", "1");
  directory_.write("a/f.toml", "module = 'm.wasm'");
  scan();
  const std::string first = only()->version;

  directory_.write("a/f.toml", "module = 'm.wasm'\nreuse = 1");
  EXPECT_TRUE(scan().changed);
  const std::string second = only()->version;
  EXPECT_NE(first, second);

  directory_.write("a/m.wasm", "2");
  EXPECT_TRUE(scan().changed);
  EXPECT_NE(only()->version, second);
  EXPECT_EQ(only()->module, ModuleDigest{sha256("2")});

  directory_.write("b/g.toml", "module = '../a/m.wasm'");
  EXPECT_TRUE(scan().changed);
  EXPECT_THAT(names(), ElementsAre("a/f", "b/g"));

  directory_.remove("a/f.toml");
  EXPECT_TRUE(scan().changed);
  EXPECT_THAT(names(), ElementsAre("b/g"));
  directory_.remove("b");
  EXPECT_TRUE(scan().changed);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(CatalogScannerTest, TheLastGoodVersionStaysWhileTheManifestIsBroken) {
  directory_.write("a/m.wasm", "1");
  directory_.write("a/f.toml", "module = 'm.wasm'");
  scan();
  const FunctionPtr good = only();
  directory_.write("a/f.toml", "module = 'm.wa");
  EXPECT_TRUE(scan().changed);
  EXPECT_EQ(only(), good);
  EXPECT_THAT(onlyProblem(), HasSubstr("not TOML"));
  EXPECT_FALSE(scan().changed);
  directory_.write("a/f.toml", "module = 'm.wasm'");
  EXPECT_TRUE(scan().changed);
  EXPECT_EQ(only(), good);
  EXPECT_THAT(scanner_.problems(), IsEmpty());
}

TEST_F(CatalogScannerTest, AMissingModuleIsAProblemUntilItIsThere) {
  directory_.write("a/f.toml", "module = 'lib/m.wasm'");
  EXPECT_TRUE(scan().changed);
  EXPECT_THAT(onlyProblem(), HasSubstr("a/lib/m.wasm: No such file"));
  EXPECT_FALSE(scan().changed);
  directory_.write("a/lib/m.wasm", "1");
  EXPECT_TRUE(scan().changed);
  EXPECT_THAT(names(), ElementsAre("a/f"));
  EXPECT_THAT(scanner_.problems(), IsEmpty());
  // And gone again: the version that was read stays.
  directory_.remove("a/lib");
  EXPECT_TRUE(scan().changed);
  EXPECT_THAT(names(), ElementsAre("a/f"));
  EXPECT_THAT(scanner_.problems(), SizeIs(1));
}

TEST_F(CatalogScannerTest, WhatIsBeingWrittenIsLeftAlone) {
  scan();
  directory_.write("a/m.wasm", "1");
  directory_.write("a/f.toml", "module = 'm.wasm'");
  const auto young = scanAt(wallClock());
  EXPECT_FALSE(young.changed);
  EXPECT_TRUE(young.scan_again_in.has_value());
  EXPECT_TRUE(scan().changed);
  EXPECT_THAT(names(), ElementsAre("a/f"));

  const FunctionPtr before = only();
  directory_.write("a/m.wasm", "half");
  EXPECT_TRUE(scanAt(wallClock()).scan_again_in.has_value());
  EXPECT_EQ(only(), before);
  EXPECT_FALSE(scan().scan_again_in.has_value());
  EXPECT_EQ(only()->module, ModuleDigest{sha256("half")});
}

TEST_F(CatalogScannerTest, AFileFromTheFutureIsReadAtOnce) {
  directory_.write("a/m.wasm", "1");
  directory_.write("a/f.toml", "module = 'm.wasm'");
  EXPECT_TRUE(scanAt(wallClock() - 3600 * kSecond).changed);
  EXPECT_THAT(names(), ElementsAre("a/f"));
}

TEST_F(CatalogScannerTest, TheFirstReadingTakesYoungFilesAndLooksAgain) {
  directory_.write("a/m.wasm", "1");
  directory_.write("a/f.toml", "module = 'm.wasm'");
  const auto first = scanner_.scan(wallClock(), CatalogScanner::Haste::kTakeAll);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->changed);
  EXPECT_TRUE(first->scan_again_in.has_value());
  // It may have been written again within the resolution of its times, so they are not relied on until it is older.
  EXPECT_TRUE(isOpenedBy("a/f.toml", [this] { scan(); }));
  EXPECT_FALSE(isOpenedBy("a/f.toml", [this] { scan(); }));
}

TEST_F(CatalogScannerTest, NothingOutsideTheCatalogIsRead) {
  TestDirectory outside;
  outside.write("secret.wasm", "secret");
  outside.write("files/secret", "secret");
  directory_.write("a/in.wasm", "1");
  std::filesystem::create_symlink(outside.path("secret.wasm"), directory_.path("a/link.wasm"));
  std::filesystem::create_directory_symlink(outside.path("files"), directory_.path("a/link"));
  const std::string up = "../../" + std::filesystem::path(outside.path()).filename().string();
  for (const std::string& text :
       {"module = '" + up + "/secret.wasm'", std::string("module = 'link.wasm'"),
        "module = '" + outside.path("secret.wasm") + "'", std::string("module = 'in.wasm'\nfiles = 'link'"),
        "module = 'in.wasm'\nfiles = '" + up + "/files'", std::string("module = 'in.wasm'\nfiles = '../..'"),
        std::string("module = '/proc/self/exe'")}) {
    directory_.write("a/f.toml", text);
    scan();
    EXPECT_THAT(names(), IsEmpty()) << text;
    EXPECT_THAT(onlyProblem(), HasSubstr("leads out of the catalog directory")) << text;
  }
  directory_.remove("a/f.toml");
  outside.write("g.toml", "module = 'in.wasm'");
  std::filesystem::create_symlink(outside.path("g.toml"), directory_.path("a/g.toml"));
  scan();
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(CatalogScannerTest, OnlyRegularFilesAreRead) {
  directory_.write("a/readme", "");
  ASSERT_EQ(mkfifo(directory_.path("a/pipe.wasm").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo(directory_.path("a/g.toml").c_str(), 0600), 0);
  directory_.write("a/f.toml", "module = 'pipe.wasm'");
  directory_.write("a/h.toml/x", "");
  scan();
  EXPECT_THAT(names(), IsEmpty());
  ASSERT_THAT(scanner_.problems(), SizeIs(3));
  for (const CatalogProblem& problem : scanner_.problems())
    EXPECT_THAT(problem.reason, HasSubstr("not a regular file"));
}

TEST_F(CatalogScannerTest, NoPipesAmongTheFilesOfAFunction) {
  directory_.write("a/m.wasm", "1");
  directory_.write("a/files/below/x", "");
  std::filesystem::create_symlink("nowhere", directory_.path("a/files/link"));
  directory_.write("a/f.toml", "module = 'm.wasm'\nfiles = 'files'");
  scan();
  EXPECT_EQ(names(), std::vector<std::string>{"a/f"});
  ASSERT_EQ(mkfifo(directory_.path("a/files/below/pipe").c_str(), 0600), 0);
  directory_.write("a/f.toml", "module = 'm.wasm'\nfiles = 'files'\nreuse = 1");
  scan();
  EXPECT_THAT(onlyProblem(), HasSubstr("a/files/below/pipe is neither a file, a directory nor a link"));
}

TEST_F(CatalogScannerTest, FollowsALinkThatIsTurnedToAnotherFolder) {
  directory_.write("a/..1/m.wasm", "1");
  directory_.write("a/..1/f.toml", "module = 'm.wasm'");
  directory_.write("a/..2/m.wasm", "2");
  directory_.write("a/..2/f.toml", "module = 'm.wasm'");
  std::filesystem::create_directory_symlink("..1", directory_.path("a/..data"));
  std::filesystem::create_symlink("..data/f.toml", directory_.path("a/f.toml"));
  std::filesystem::create_symlink("..data/m.wasm", directory_.path("a/m.wasm"));
  scan();
  EXPECT_EQ(only()->module, ModuleDigest{sha256("1")});
  std::filesystem::create_directory_symlink("..2", directory_.path("a/..tmp"));
  std::filesystem::rename(directory_.path("a/..tmp"), directory_.path("a/..data"));
  EXPECT_TRUE(scan().changed);
  EXPECT_EQ(only()->module, ModuleDigest{sha256("2")});
}

TEST_F(CatalogScannerTest, ACatalogThatCannotBeReadChangesNothing) {
  directory_.write("a/m.wasm", "1");
  directory_.write("a/f.toml", "module = 'm.wasm'");
  scan();
  std::filesystem::rename(directory_.path(), directory_.path() + "-away");
  EXPECT_FALSE(scanner_.scan(wallClock(), CatalogScanner::Haste::kLeaveUnsettled));
  EXPECT_THAT(names(), ElementsAre("a/f"));
  std::filesystem::rename(directory_.path() + "-away", directory_.path());
}

TEST_F(CatalogScannerTest, WithoutDescriptorsEveryFunctionStays) {
  directory_.write("a/m.wasm", "1");
  directory_.write("a/f.toml", "module = 'm.wasm'");
  directory_.write("b/g.toml", "module = '../a/m.wasm'");
  scan();
  directory_.write("a/f.toml", "module = 'm.wasm'\nreuse = 5");
  std::vector<FileDescriptor> hoard;
  while (true) {
    FileDescriptor fd(dup(0));
    if (!fd.valid()) break;
    hoard.push_back(std::move(fd));
  }
  for (int left = 0; left < 2; ++left) {
    EXPECT_FALSE(scanner_.scan(wallClock() + kSecond, CatalogScanner::Haste::kLeaveUnsettled)) << left;
    EXPECT_THAT(names(), ElementsAre("a/f", "b/g")) << left;
    hoard.pop_back();
  }
  hoard.clear();
  scan();
  EXPECT_THAT(names(), ElementsAre("a/f", "b/g"));
  EXPECT_EQ(scanner_.functions()[0]->reuse, 5u);
  EXPECT_THAT(scanner_.problems(), IsEmpty());
}

TEST_F(CatalogScannerTest, TellsWhichFoldersToWatch) {
  directory_.write("lib/deep/m.wasm", "1");
  directory_.write("a/f.toml", "module = '../lib/deep/m.wasm'");
  scan();
  EXPECT_THAT(scanner_.directories(), ElementsAre(directory_.path(), directory_.path("a"),
                                                  directory_.path("a/../lib/deep"), directory_.path("lib")));
}

TEST_F(CatalogScannerTest, ABoxTakesNoModuleOfARegistry) {
  directory_.write("acme/hello.toml", "module = 'oci://r.example/hello:1'");
  scan();
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_THAT(onlyProblem(), HasSubstr("wasabi-companion"));
}

class BuilderScannerTest : public testing::Test {
 protected:
  static CatalogTerms terms() {
    CatalogTerms terms;
    terms.reader = CatalogTerms::Reader::kBuilder;
    return terms;
  }
  bool changes() {
    auto outcome = scanner_.scan(0, CatalogScanner::Haste::kTakeAll);
    EXPECT_TRUE(outcome && scanner_.problems().empty());
    return outcome->changed;
  }

  TestDirectory directory_;
  CatalogScanner scanner_{directory_.path(), terms()};
};

TEST_F(BuilderScannerTest, IsGivenReferencesAndTextsAndAsksForNoSecrets) {
  const std::string text = "module = 'oci://r.example/hello:1'\nsecrets = ['KEY']\n";
  directory_.write("acme/hello.toml", text);
  ASSERT_TRUE(changes());
  const BuilderSpec& spec = builderSpec(scanner_.functions().at(0));
  EXPECT_EQ(spec.module_reference, "oci://r.example/hello:1");
  EXPECT_EQ(spec.manifest_text, text);
  EXPECT_THAT(spec.environment, IsEmpty());
}

TEST_F(BuilderScannerTest, AnyOtherTextOrModuleIsAChange) {
  directory_.write("acme/hello.toml", "module = 'oci://r.example/hello:1'");
  EXPECT_TRUE(changes());
  EXPECT_FALSE(changes());
  directory_.write("acme/hello.toml", "module = 'oci://r.example/hello:2'");
  EXPECT_TRUE(changes());
  directory_.write("acme/hello.wasm", "one");
  directory_.write("acme/hello.toml", "module = 'hello.wasm'");
  EXPECT_TRUE(changes());
  directory_.write("acme/hello.wasm", "other");
  EXPECT_TRUE(changes());
}

}  // namespace
}  // namespace wasabi::catalog
