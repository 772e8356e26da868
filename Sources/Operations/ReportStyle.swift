/// How a report looks, by day and by night.
enum ReportStyle {
  static let css = """
    :root{--paper:#fbfbfa;--card:#fff;--ink:#1d2126;--soft:#5c6672;--line:#e2e5e9;--busy:#2b6cb0;--blocked:#d9822b;--waiting:#c9d1da;
    --on-busy:#fff;--good:#1f7a4d;--bad:#b3261e;--warn:#8f5a00;--c1:#2b6cb0;--c2:#2a8576}
    @media(prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1c2026;--ink:#e6e9ed;--soft:#9aa5b1;--line:#2f353d;--busy:#5b9ee0;
    --blocked:#e5a052;--waiting:#454e59;--on-busy:#14171b;--good:#5bc48e;--bad:#f28b82;--warn:#e5b05a;--c1:#5b9ee0;--c2:#58b8a6}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
    main{max-width:1120px;margin:0 auto;padding:28px 20px 48px}
    h1{font-size:26px;line-height:1.25;margin:2px 0;overflow-wrap:anywhere}h2{font-size:17px;margin:0 0 12px}h3{font-size:14px;margin:18px 0 6px}
    .kind{margin:0;color:var(--soft);font-size:13px}.run{font-weight:400;color:var(--soft)}.when{color:var(--soft);margin:4px 0 0}
    section,header{margin-bottom:18px}
    section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px 18px}
    .badge{font-size:12px;font-weight:600;border:1px solid currentColor;border-radius:99px;padding:1px 9px;vertical-align:middle;color:var(--soft);white-space:nowrap}
    .badge.done{color:var(--good)}.badge.failed{color:var(--bad)}.badge.interrupted,.badge.working{color:var(--warn)}
    .problem{color:var(--bad);margin:6px 0 0;overflow-wrap:anywhere}.none,.note{color:var(--soft);margin:6px 0 0}
    .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:0 0 18px}
    .tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px}
    .tile dt{color:var(--soft);font-size:13px}.tile dd{margin:0;font-size:22px;font-weight:600;font-variant-numeric:tabular-nums}
    .tile p{margin:0;color:var(--soft);font-size:13px;min-height:1.5em}.tile.warn dd{color:var(--warn)}
    .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:18px}
    figure{margin:0}figcaption{font-size:13px;color:var(--soft);margin-bottom:4px}svg{width:100%;height:auto;display:block}
    .grid{stroke:var(--line)}.axis{fill:var(--soft);font-size:11px}
    .line{fill:none;stroke-width:1.8;stroke-linejoin:round}.fill{opacity:.15;stroke:none}
    .line.c1{stroke:var(--c1)}.fill.c1{fill:var(--c1)}.line.c2{stroke:var(--c2)}.fill.c2{fill:var(--c2)}
    table{border-collapse:collapse;width:100%;font-size:14px}th{text-align:left;font-weight:600;color:var(--soft)}
    td,th{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}tr:last-child td,tr:last-child th{border-bottom:0}
    .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.name{overflow-wrap:anywhere}td.name{min-width:11em}
    tr.this td{font-weight:600}.scroll{overflow-x:auto}
    .bars .bar{width:100%}.bars th{width:1%;white-space:nowrap;font-weight:400;color:var(--ink)}.bars td,.bars th{border:0;padding:4px 12px 4px 0;vertical-align:middle}
    .stack{display:flex;height:22px;border-radius:4px;overflow:hidden;background:var(--waiting)}
    .part{display:block;height:100%;font-size:11px;line-height:22px;text-align:center;color:var(--on-busy);overflow:hidden;white-space:nowrap}
    .busy{background:var(--busy)}.blocked{background:var(--blocked);color:#1d2126}.waiting{background:var(--waiting);color:var(--ink)}
    .legend{font-size:13px;color:var(--soft);margin:0 0 8px}.key{display:inline-block;width:11px;height:11px;border-radius:2px;margin:0 5px 0 10px}
    .legend .key:first-child{margin-left:0}.column{display:block;height:14px;min-width:1px;border-radius:3px;background:var(--c1)}
    .states{margin:0}summary{cursor:pointer;padding:4px 0}details[open]>summary{margin-bottom:6px}
    .count{display:inline-block;min-width:2.5em;text-align:right;font-weight:600;font-variant-numeric:tabular-nums}
    .reason summary{display:flex;align-items:center;gap:8px;list-style:none}.reason summary::-webkit-details-marker{display:none}
    .reason summary::before{content:"▸";width:1em;color:var(--soft)}.reason[open] summary::before{content:"▾"}.what{flex:1;overflow-wrap:anywhere}
    .meter{flex:none;width:min(120px,20vw);height:8px;border-radius:4px;background:var(--line)}
    .meter span{display:block;height:100%;border-radius:4px;background:var(--blocked)}
    .examples{margin:4px 0 10px;padding-left:20px;font-size:14px}.examples li{margin-bottom:8px}
    pre,code{font:13px/1.45 ui-monospace,"SF Mono",Menlo,monospace}
    pre{margin:4px 0 0;padding:8px 10px;background:var(--paper);border:1px solid var(--line);border-radius:6px;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
    footer{color:var(--soft);font-size:13px}
    @media(max-width:600px){.axis{font-size:15px}}
    @media print{body{background:#fff}section,.tile{break-inside:avoid}}
    """
}
