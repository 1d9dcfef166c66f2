import { chartOption, type Drawing, heightOf } from './chart-option.ts';

/**
 * A report's chart as SVG 1.1: no script, no style sheet, nothing from elsewhere; the same drawing gives the same
 * bytes. ECharts is loaded with the first chart: it takes memory and time that most processes never need.
 */
export async function drawChart(drawing: Drawing): Promise<string> {
  loaded ??= load();
  const init = await loaded;
  const { width } = drawing.drawing;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height: heightOf(drawing) });
  try {
    chart.setOption(chartOption(drawing));
    return settle(chart.renderToSVGString(), drawing.report.title);
  } finally {
    chart.dispose();
  }
}

const STYLE_END = '</style>';

let loaded: ReturnType<typeof load> | undefined;

async function load() {
  const [core, charts, components, features, renderers] = await Promise.all([
    import('echarts/core'),
    import('echarts/charts'),
    import('echarts/components'),
    import('echarts/features'),
    import('echarts/renderers'),
  ]);
  const { GridComponent, LegendComponent, TitleComponent } = components;
  core.use([charts.BarChart, GridComponent, LegendComponent, TitleComponent]);
  core.use([features.LabelLayout, renderers.SVGRenderer]);
  return core.init;
}

/**
 * Removes what ECharts adds for interactive pages: a style sheet, class names that count all charts of the process, and
 * marks. Styles become presentation attributes, which any Content-Security-Policy allows. ECharts writes quotes and angle
 * brackets of texts as entities, so none of the patterns matches in a text.
 */
function settle(svg: string, title: string): string {
  return withoutStyleSheets(svg)
    .replaceAll(/ (?:class|ecmeta_\w+|pointer-events)="[^"]*"/g, '')
    .replaceAll(/ style="([^"]*)"/g, (_, style: string) => attributesOf(style))
    .replace(/^<svg\b[^>]*>/, (tag) => `${tag.slice(0, -1)} role="img">\n<title>${escapeXml(title)}</title>`);
}

function withoutStyleSheets(svg: string): string {
  let rest = svg;
  let kept = '';
  for (;;) {
    const start = rest.indexOf('<style');
    const end = rest.indexOf(STYLE_END, start);
    if (start < 0 || end < 0) return kept + rest;
    kept += rest.slice(0, start);
    rest = rest.slice(end + STYLE_END.length).trimStart();
  }
}

/** `font-size:12px;font-family:sans-serif;` as presentation attributes (SVG 1.1, 6.4). */
function attributesOf(style: string): string {
  return style
    .split(';')
    .filter((part) => part !== '')
    .map((part) => ` ${part.slice(0, part.indexOf(':'))}="${part.slice(part.indexOf(':') + 1)}"`)
    .join('');
}

function escapeXml(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
