#include "box/rebuilder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace wasabi::box {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

catalog::FunctionPtr functionOf(std::uint8_t module) {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->module.bytes[0] = module;
  return spec;
}

class RebuilderTest : public testing::Test {
 protected:
  Logger log_{[this](std::string_view line) { lines_ += line; }};
  std::string lines_;
  std::vector<int> begun_;
  Rebuilder rebuilder_{2, [this](const catalog::FunctionPtr& function) { begun_.push_back(function->module.bytes[0]); },
                       log_};
};

TEST_F(RebuilderTest, BuildsFewAtOnceAndAllInTheEnd) {
  rebuilder_.setStale({functionOf(1), functionOf(2), functionOf(3), functionOf(4)});
  EXPECT_THAT(begun_, ElementsAre(1, 2));
  rebuilder_.finished({});
  EXPECT_THAT(begun_, ElementsAre(1, 2, 3));
  rebuilder_.finished({});
  rebuilder_.finished({});
  EXPECT_THAT(begun_, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(lines_, testing::Not(HasSubstr("\"built\"")));
  rebuilder_.finished(fail(ErrorCode::kInvalid, "not a module"));
  EXPECT_THAT(lines_, HasSubstr(R"("built":3,"failed":1,"last_reason":"not a module")"));
}

TEST_F(RebuilderTest, EachModuleIsTriedOnce) {
  rebuilder_.setStale({functionOf(1), functionOf(1), functionOf(2)});
  rebuilder_.finished({});
  rebuilder_.finished(fail(ErrorCode::kInvalid, "not a module"));
  rebuilder_.setStale({functionOf(2), functionOf(3)});
  EXPECT_THAT(begun_, ElementsAre(1, 2, 3));
}

TEST_F(RebuilderTest, WhatIsDeployedNoMoreIsNotBuilt) {
  rebuilder_.setStale({functionOf(1), functionOf(2), functionOf(3)});
  rebuilder_.setStale({functionOf(4)});
  rebuilder_.finished({});
  EXPECT_THAT(begun_, ElementsAre(1, 2, 4));
}

}  // namespace
}  // namespace wasabi::box
