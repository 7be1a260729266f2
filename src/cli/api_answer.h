// JSON that the API answered. Private to the .cc files of the commands: it brings the JSON library.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/api_client.h"
#include "cli/api_commands.h"

namespace wasabi::cli {

using Json = nlohmann::ordered_json;

// A call whose answer is an object.
Result<Json> ask(ApiClient& client, const std::string& method, const std::string& path, const Json& body = {},
                 Duration patience = std::chrono::seconds(60));
// Text of a member; numbers and flags as JSON has them, nothing as "".
std::string textOf(const Json& object, const char* name);
// Its member "state", in its colour where there are colours.
std::string stateOf(const Json& object, Output output);
double numberOf(const Json& object, const char* name);

// Of the containers of one version, and what their columns are called.
inline const std::vector<std::string> kContainersColumns{"CONTAINERS OF", "STATE", "READY",  "WANTED", "BECAUSE",
                                                         "RUNNING",       "CPU",   "MEMORY", "DIED",   "LAST END"};
std::vector<std::string> containersRow(const Json& containers, Output output);

// "/functions/acme/hello" for "acme/hello".
Result<std::string> functionPath(const std::string& function);

void print(const std::string& text);
inline void printJson(const Json& json) {
  print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace wasabi::cli
