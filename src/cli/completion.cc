#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace wasabi::cli {
namespace {

// One after the other: "" for the program, "token", "token create" ...
template <typename Visit>
void visitAll(const CompletedCommand& command, const std::string& path, const Visit& visit) {
  visit(command, path);
  for (const CompletedCommand& one : command.commands) {
    visitAll(one, path.empty() ? one.name : path + " " + one.name, visit);
  }
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// In single quotes, for all three shells.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string fishQuoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return out + "'";
}

// For bash and zsh: which command the words before the cursor name, and which words may follow it.
struct Cases {
  std::string steps;    // "|token create) path='token create' ;;" : from path and word to the path after it
  std::string follows;  // by path
  std::string values;   // "path --option": a value follows, which is a file at most
};

Cases casesOf(const CompletedCommand& program) {
  Cases cases;
  visitAll(program, "", [&](const CompletedCommand& command, const std::string& path) {
    std::vector<std::string> words;
    for (const CompletedCommand& one : command.commands) {
      words.push_back(one.name);
      const std::string after = path.empty() ? one.name : path + " " + one.name;
      cases.steps += fmt::format("      {}) path={} ;;\n", quoted(path + "|" + one.name), quoted(after));
    }
    for (const CompletedOption& option : command.options) {
      for (const std::string& name : option.names) {
        words.push_back(name);
        if (option.takes_value) cases.values += fmt::format("    {}) return 0 ;;\n", quoted(path + "|" + name));
      }
    }
    cases.follows += fmt::format("    {}) words={} ;;\n", quoted(path), quoted(joined(words)));
  });
  return cases;
}

constexpr std::string_view kBash = R"(# bash completion of {0}:  source <({0} completion bash)
_{0}() {{
  local path='' word words='' current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$path|$word" in
{1}    esac
  done
  COMPREPLY=()
  case "$path|$before" in
{3}  esac
  case "$path" in
{2}  esac
  local fit=() one
  for one in $words; do
    [[ $one == -* && $current != -* ]] && continue
    [[ $one == "$current"* ]] && fit+=("$one")
  done
  COMPREPLY=("${{fit[@]}}")
}}
complete -o default -F _{0} {0}
)";

constexpr std::string_view kZsh = R"(#compdef {0}
# zsh completion of {0}:  source <({0} completion zsh)
_{0}() {{
  local path_='' word list='' before="${{words[CURRENT-1]}}"
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$path_|$word" in
{1}    esac
  done
  case "$path_|$before" in
{3}  esac
  case "$path_" in
{2}  esac
  local -a fit
  fit=(${{=list}})
  [[ $PREFIX == -* ]] || fit=(${{fit:#-*}})
  (( $#fit )) && compadd -a fit
  [[ $PREFIX == -* || -z $path_ ]] || _files
}}
compdef _{0} {0}
)";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string bash(const CompletedCommand& program) {
  const Cases cases = casesOf(program);
  return fmt::format(kBash, program.name, cases.steps, cases.follows, cases.values);
}

std::string zsh(const CompletedCommand& program) {
  const Cases cases = casesOf(program);
  // `path` and `words` are zsh's own.
  return fmt::format(kZsh, program.name, replaced(cases.steps, " path=", " path_="),
                     replaced(cases.follows, " words=", " list="),
                     replaced(cases.values, "return 0", "_files; return"));
}

// Seen only where the words of its path were typed, and none of the commands below it.
std::string fishCondition(const CompletedCommand& command, const std::string& path) {
  if (path.empty()) return "__fish_use_subcommand";
  std::string condition;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find(' ', at), path.size());
    condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + path.substr(at, end - at));
    at = end + 1;
  }
  std::vector<std::string> below;
  for (const CompletedCommand& one : command.commands) below.push_back(one.name);
  if (!below.empty()) condition += "; and not __fish_seen_subcommand_from " + joined(below);
  return condition;
}

std::string fish(const CompletedCommand& program) {
  std::string script = fmt::format("# fish completion of {0}:  {0} completion fish | source\n", program.name);
  visitAll(program, "", [&](const CompletedCommand& command, const std::string& path) {
    const std::string begin =
        fmt::format("complete -c {} -n {}", program.name, fishQuoted(fishCondition(command, path)));
    for (const CompletedCommand& one : command.commands) {
      script += fmt::format("{} -f -a {} -d {}\n", begin, one.name, fishQuoted(one.help));
    }
    for (const CompletedOption& option : command.options) {
      script += begin;
      for (const std::string& name : option.names) {
        script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.takes_value) script += " -r";
      script += " -d " + fishQuoted(option.help) + "\n";
    }
  });
  return script;
}

}  // namespace

Result<std::string> completionScript(const CompletedCommand& program, const std::string& shell) {
  if (shell == "bash") return bash(program);
  if (shell == "zsh") return zsh(program);
  if (shell == "fish") return fish(program);
  return fail(ErrorCode::kInvalid,
              fmt::format("'{}' is no shell for which there are completions: bash, zsh, fish", shell));
}

}  // namespace wasabi::cli
