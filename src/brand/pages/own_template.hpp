// The page that all have unless an operator put another in its place. In both colour
// schemes every text stands on a ground of which its contrast is at least 4.5 (WCAG
// 2.1, 1.4.3); of the brand come the bar, which is only ornament, and the button,
// whose text is black or white, whichever can be read on it.
#pragma once
#include <string_view>

namespace marquee::brand {

inline constexpr std::string_view kOwnTemplate = R"(<!doctype html>
<html lang="{{lang}}" dir="{{dir}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{title}}{{#brand_name}} | {{brand_name}}{{/brand_name}}</title>
{{#icon_url}}<link rel="icon" href="{{icon_url}}">
{{/icon_url}}<style>
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#5a6068;--paper:#fff;--brand:#3b4754;--on-brand:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#eceef1;--soft:#a4abb5;--paper:#15171a;--brand:#c3ccd6;--on-brand:#000}}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;justify-content:center;align-items:center;box-sizing:border-box;padding:2rem;border-block-start:.375rem solid var(--brand);background:var(--paper);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}
header,main,footer{width:100%;max-width:34rem;overflow-wrap:anywhere}
header{margin-block-end:2rem;font-weight:600}
img{display:inline-block;max-width:100%;max-height:4rem;padding:.5rem;border-radius:.375rem;background:#fff;color:#1c1e21}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .75rem}
h2{font-size:1rem;margin:1.5rem 0 .25rem}
p{margin:0 0 .75rem}
.action{display:inline-block;margin-block:.75rem;padding:.5rem 1rem;border:1px solid var(--soft);border-radius:.375rem;background:var(--brand);color:var(--on-brand);text-decoration:none}
.action:focus-visible{outline:.1875rem solid var(--ink);outline-offset:.125rem}
footer{margin-block-start:1.5rem;color:var(--soft);font-size:.875rem}
</style>
{{#primary}}<style>:root{--brand:{{primary}};--on-brand:{{on_primary}}}</style>
{{/primary}}</head>
<body>
{{#logo_url}}<header><img src="{{logo_url}}" alt="{{brand_name}}"></header>
{{/logo_url}}{{^logo_url}}{{#brand_name}}<header><bdi>{{brand_name}}</bdi></header>
{{/brand_name}}{{/logo_url}}<main>
<h1>{{title}}</h1>
<p>{{text}}</p>
{{#owner_text}}<h2>{{owner_heading}}</h2>
<p>{{owner_text}}</p>
{{/owner_text}}{{#action}}<p><a class="action" href="{{action_url}}">{{action}}</a></p>
{{/action}}</main>
<footer>
<p>{{#host}}<bdi>{{host}}</bdi> · {{/host}}{{error_label}} {{status}}{{#request_id}}<br>
{{request_label}} <code dir="ltr">{{request_id}}</code>{{/request_id}}</p>
</footer>
</body>
</html>
)";

}  // namespace marquee::brand
