// SPDX-License-Identifier: MIT
#include "report/html_page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/chart_svg.hpp"
#include "report/markup_text.hpp"

namespace membudget::report {
namespace {

/// The colours of a scheme as variables of the page.
std::string variables(const Palette& palette, std::string_view good, std::string_view bad) {
  return fmt::format(":root{{--ground:{};--ink:{};--muted:{};--line:{};--good:{};--bad:{}}}\n",
                     palette.ground, palette.ink, palette.muted, palette.grid, good, bad);
}

constexpr std::string_view rules =
    R"(*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;padding:1.5rem 1rem 3rem;max-width:57rem;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.4rem 0}
.muted,caption{color:var(--muted)}
.verdict{margin:1rem 0;padding:.6rem .9rem;border:1px solid var(--line);border-left:6px solid var(--good);font-size:1.1rem}
.verdict.bad{border-left-color:var(--bad);border-left-style:double;border-left-width:9px}
figure{margin:1rem 0}
figure svg{max-width:100%;height:auto;display:block}
.narrow{display:none}
@media screen and (max-width:40rem){.wide{display:none}.narrow{display:block}}
.scroll{overflow-x:auto;margin:.8rem 0}
.scroll:focus-visible,pre:focus-visible,button:focus-visible,summary:focus-visible{outline:3px solid var(--good);outline-offset:2px}
table{border-collapse:collapse;font-size:.9rem;min-width:min(100%,24rem)}
caption{text-align:left;padding:.2rem 0}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;overflow-wrap:normal}
td:last-child:not(.n){min-width:14rem}
th{font-weight:600}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td .not{color:var(--bad)}
.edge{font-weight:700;text-decoration:underline;text-underline-offset:.2em}
pre{margin:.3rem 0;padding:.6rem .8rem;border:1px solid var(--line);overflow-x:auto;font:.85rem/1.45 ui-monospace,Menlo,Consolas,monospace;white-space:pre}
.copy{display:flex;justify-content:space-between;align-items:end;gap:1rem}
button{font:inherit;font-size:.85rem;padding:.25rem .8rem;min-height:2rem;color:inherit;background:none;border:1px solid var(--muted);border-radius:.3rem;cursor:pointer}
li{margin:.4rem 0}
@media print{body{max-width:none;padding:0;font-size:10.5pt}button{display:none}pre{white-space:pre-wrap}.scroll{overflow:visible}table{font-size:8.5pt}h2,h3,caption{break-after:avoid}figure,tr,pre,li,.verdict{break-inside:avoid}}
)";

}  // namespace

void HtmlPage::section(std::string_view title) {
  body_ += fmt::format("<h2>{}</h2>\n", marked_up(title));
}

void HtmlPage::paragraph(std::string_view text, std::string_view css_class) {
  body_ += css_class.empty() ? fmt::format("<p>{}</p>\n", marked_up(text))
                             : fmt::format("<p class=\"{}\">{}</p>\n", css_class, marked_up(text));
}

void HtmlPage::drawing(std::string_view wide, std::string_view narrow) {
  body_ += fmt::format(
      "<figure><div class=\"wide\">\n{}</div>\n<div class=\"narrow\">\n{}</div></figure>\n", wide,
      narrow);
}

void HtmlPage::table(std::string_view caption, const std::vector<std::string>& head,
                     const std::vector<std::vector<std::string>>& rows, std::size_t numbers_from,
                     std::size_t numbers_to) {
  const auto align = [&](std::size_t column) {
    return column >= numbers_from && column < numbers_to ? " class=\"n\"" : "";
  };
  const auto name = marked_up(caption);
  // What may scroll must be reachable by keys.
  body_ += fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{0}\"><table>\n"
      "<caption>{0}</caption>\n<thead><tr>",
      name);
  for (std::size_t i = 0; i < head.size(); ++i) {
    body_ += fmt::format("<th scope=\"col\"{}>{}</th>", align(i), marked_up(head[i]));
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (const auto& row : rows) {
    body_ += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      body_ += i == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", align(i), row[i])
                      : fmt::format("<td{}>{}</td>", align(i), row[i]);
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void HtmlPage::commands(std::string_view title, std::string_view lines) {
  copies_ = true;
  const auto name = marked_up(title);
  body_ += fmt::format(
      "<div class=\"copy\"><h3>{0}</h3><button type=\"button\" data-copy aria-label=\"Copy the "
      "settings for {0}\">Copy</button></div>\n<pre tabindex=\"0\">",
      name);
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find('\n'));
    body_ += marked_up(line) + '\n';
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
  }
  body_ += "</pre>\n";
}

void HtmlPage::json(std::string_view id, std::string_view document) {
  body_ += fmt::format("<script type=\"application/json\" id=\"{}\">\n{}</script>\n", id,
                       script_json(document));
}

std::string HtmlPage::str(std::string_view title) && {
  // Whatever a name from a file holds, nothing is loaded and no other script runs.
  const auto scripts = copies_ ? fmt::format("'sha256-{}'", copy_script_hash()) : "'none'";
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; script-src {}; img-src data:; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta name=\"generator\" content=\"membudget\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>\n",
      scripts, marked_up(title));
  out += variables(light_palette, "#00704f", "#b33f00") + std::string(rules) +
         "@media screen and (prefers-color-scheme:dark){" +
         variables(dark_palette, "#2fbf94", "#ff9a4d") + "}\n</style>\n</head>\n<body>\n<main>\n" +
         body_ + "</main>\n";
  if (copies_) out += fmt::format("<script>{}</script>\n", copy_script());
  return out + "</body>\n</html>\n";
}

ChartStyle wide_style(std::string_view id) {
  return {.width = wide_drawing,
          .height = 440,
          .id = std::string(id),
          .scheme = ColourScheme::automatic};
}

ChartStyle narrow_style(std::string_view id) {
  return {.width = narrow_drawing,
          .height = 360,
          .id = std::string(id) + "-narrow",
          .scheme = ColourScheme::automatic};
}

std::string_view copy_script() {
  return "document.addEventListener(\"click\",e=>{const b=e.target.closest(\"[data-copy]\");if(!b)"
         "return;const p=b.parentElement.nextElementSibling;const say=t=>{b.textContent=t;"
         "setTimeout(()=>{b.textContent=\"Copy\"},1500)};const mark=()=>{const s=getSelection();"
         "s.selectAllChildren(p);say(document.execCommand(\"copy\")?\"Copied\":\"Marked\")};"
         "navigator.clipboard?navigator.clipboard.writeText(p.textContent).then(()=>say(\"Copied\")"
         ","
         "mark):mark()})";
}

std::string_view copy_script_hash() {
  return "QvXWQh1Ao0a1SIE60m9P6XvujrYpJGSsDFMm60URrzA=";
}

}  // namespace membudget::report
