// The API over a platform of its own, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "api/call.h"
#include "api/test_problem.h"
#include "api/test_world.h"
#include "catalog/test_directory.h"

namespace wasabi::api {

// Of a refusal, which has to be a well-formed one.
inline std::string detailOf(const TestAnswer& answer) {
  EXPECT_EQ(wrongInProblem(answer), "") << answer.status << " " << answer.body;
  const Json json = Json::parse(answer.body, nullptr, false);
  return json.is_object() ? json.value("detail", "") : "";
}

inline Json jsonOf(const TestAnswer& answer) {
  EXPECT_EQ(answer.header("content-type"), "application/json") << answer.body;
  EXPECT_TRUE(answer.whole);
  Json json = Json::parse(answer.body, nullptr, false);
  EXPECT_TRUE(json.is_object()) << answer.body;
  return json.is_object() ? json : Json::object();
}

inline std::vector<Endpoint> allEndpoints() {
  std::vector<Endpoint> all;
  for (const auto& group : {deployEndpoints(), functionEndpoints(), machineEndpoints(), tenantEndpoints()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

class ApiTest : public ::testing::Test {
 protected:
  explicit ApiTest(const ApiLimits& limits = anyRate(), const platform::AuditLimits& audit = {})
      : world_(directory_.path("data"), limits, audit) {}

  // The lines of the audit log so far.
  std::vector<Json> audited() const {
    std::vector<Json> lines;
    std::istringstream text(catalog::readWholeFile(directory_.path("data/audit.log")));
    for (std::string line; std::getline(text, line);) lines.push_back(Json::parse(line, nullptr, false));
    return lines;
  }
  // Null if there is none.
  Json lastAudited() const {
    const std::vector<Json> lines = audited();
    return lines.empty() ? Json() : lines.back();
  }
  // Refused so, with these words, and without having changed anything.
  void expectRefused(const TestRequest& request, std::uint16_t status, const std::string& words) {
    SCOPED_TRACE(request.method + " " + request.target + " " + request.body.substr(0, 200));
    const std::string before = world_.state();
    const TestAnswer answer = world_.call(request);
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_THAT(detailOf(answer), testing::HasSubstr(words));
    EXPECT_EQ(world_.state(), before);
  }
  void expectRefused(const std::string& method, const std::string& target, const std::string& body,
                     std::uint16_t status, const std::string& words) {
    expectRefused({method, target, world_.operatorToken(), body}, status, words);
  }

  catalog::TestDirectory directory_;
  TestWorld world_;
};

}  // namespace wasabi::api
