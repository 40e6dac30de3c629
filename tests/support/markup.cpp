// SPDX-License-Identifier: MIT
#include "support/markup.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace membudget::test {
namespace {

constexpr auto npos = std::string_view::npos;

struct Tag {
  std::string name;
  std::string_view rest;  ///< Attributes.
  bool closes = false;
  bool empty = false;
};

std::string unescaped(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 5> known{
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}}};
  std::string out;
  while (!text.empty()) {
    const auto entity =
        std::ranges::find_if(known, [&](const auto& each) { return text.starts_with(each.first); });
    out += entity == known.end() ? text.front() : entity->second;
    text.remove_prefix(entity == known.end() ? 1 : entity->first.size());
  }
  return out;
}

/// Takes the next tag off `text`; false at its end. Quoted attributes may hold anything but quotes.
bool next_tag(std::string_view& text, Tag& out) {
  const auto begin = text.find('<');
  if (begin == npos) return false;
  text.remove_prefix(begin + 1);
  std::size_t end = 0;
  for (char quote = 0; end < text.size() && (quote != 0 || text[end] != '>'); ++end) {
    if (quote == 0 && text[end] == '"') {
      quote = '"';
    } else if (text[end] == quote) {
      quote = 0;
    }
  }
  auto inside = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  out.closes = inside.starts_with('/');
  if (out.closes) inside.remove_prefix(1);
  out.empty = inside.ends_with('/');
  if (out.empty) inside.remove_suffix(1);
  const auto name = inside.substr(0, inside.find_first_of(" \n"));
  out.name = name;
  out.rest = inside.substr(name.size());
  if (!out.closes && (name == "script" || name == "style")) {
    const auto close = fmt::format("</{}", out.name);
    text.remove_prefix(std::min(text.find(close), text.size()));
  }
  return true;
}

}  // namespace

double Element::number(const std::string& attribute) const {
  return std::strtod(attributes.at(attribute).c_str(), nullptr);
}

std::vector<Element> elements_of(std::string_view markup) {
  std::vector<Element> out;
  for (Tag tag; next_tag(markup, tag);) {
    if (tag.closes || tag.name.starts_with('!')) continue;
    Element& element = out.emplace_back();
    element.name = tag.name;
    auto rest = tag.rest;
    for (auto equals = rest.find("=\""); equals != npos; equals = rest.find("=\"")) {
      auto name = rest.substr(0, equals);
      name.remove_prefix(std::min(name.size(), name.find_last_of(" \n") + 1));
      rest.remove_prefix(equals + 2);
      const auto end = rest.find('"');
      element.attributes[std::string(name)] = unescaped(rest.substr(0, end));
      rest.remove_prefix(std::min(rest.size(), end + 1));
    }
  }
  return out;
}

std::vector<Element> of_class(const std::vector<Element>& elements, std::string_view name) {
  std::vector<Element> out;
  std::ranges::copy_if(elements, std::back_inserter(out), [&](const Element& element) {
    const auto found = element.attributes.find("class");
    if (found == element.attributes.end()) return false;
    return fmt::format(" {} ", found->second).find(fmt::format(" {} ", name)) != std::string::npos;
  });
  return out;
}

std::string tag_faults(std::string_view page) {
  constexpr std::array<std::string_view, 5> alone{"meta", "link", "br", "hr", "!DOCTYPE"};
  std::vector<std::string> open;
  for (Tag tag; next_tag(page, tag);) {
    if (std::ranges::find(alone, tag.name) != alone.end() || tag.empty) continue;
    if (!tag.closes) {
      open.push_back(tag.name);
    } else if (open.empty() || open.back() != tag.name) {
      return fmt::format("</{}> closes {}", tag.name, open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : fmt::format("<{}> stays open", open.back());
}

std::string xml_faults(std::string_view document) {
  if (std::system("command -v xmllint >/dev/null 2>&1") != 0) return "no xmllint";
  const auto file =
      std::filesystem::temp_directory_path() / fmt::format("membudget-{}.xml", getpid());
  std::ofstream(file, std::ios::binary) << document;
  const auto said = file.string() + ".said";
  const int status = std::system(
      fmt::format("xmllint --noout --nonet '{}' >'{}' 2>&1", file.string(), said).c_str());
  std::ifstream in(said);
  std::string out{std::istreambuf_iterator<char>(in), {}};
  std::filesystem::remove(file);
  std::filesystem::remove(said);
  return status == 0 ? out : out + "not well-formed";
}

std::string script_of(std::string_view page, std::string_view id) {
  const auto head = page.find(fmt::format("id=\"{}\">", id));
  if (head == npos) return {};
  const auto begin = page.find('>', head) + 1;
  return std::string(page.substr(begin, page.find("</script>", begin) - begin));
}

std::vector<std::string> drawings_of(std::string_view page) {
  std::vector<std::string> out;
  for (auto begin = page.find("<svg "); begin != npos; begin = page.find("<svg ", begin + 1)) {
    out.emplace_back(page.substr(begin, page.find("</svg>", begin) + 6 - begin));
  }
  return out;
}

}  // namespace membudget::test
