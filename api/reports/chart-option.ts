import type { BarSeriesOption, EChartsOption } from 'echarts';
import type { ReportChart, ReportState } from '../../src/reports/report.ts';
import type { ChartData } from '../../src/reports/report-reader.ts';
import type { ChartRequest } from '../../src/reports/report-service.ts';

/** What a picture is drawn from. */
export interface Drawing {
  readonly report: { readonly title: string };
  readonly chart: ReportChart;
  readonly data: ChartData;
  readonly state: Pick<ReportState, 'asOf'>;
  readonly drawing: ChartRequest;
}

/** Pixels */
const BAR = 28;
const HEAD = { title: 76, legend: 30 };
const FOOT = 44;
const LEAST_HEIGHT = 240;

const INK = '#1f2933';
const FAINT = '#5f6c7b';
const LINES = '#e4e7eb';
/** Colours that colour-blind people can distinguish (Okabe and Ito, 2008), the darker ones first. */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#7f7f7f'];

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });

/** As high as its bars need, unless the request says otherwise. */
export function heightOf({ chart, data, drawing }: Drawing): number {
  if (drawing.height !== null) return drawing.height;
  const head = HEAD.title + (isStacked(chart) ? HEAD.legend : 0);
  return Math.max(LEAST_HEIGHT, head + FOOT + BAR * data.bars.length);
}

/** Bars lie, so that long names are read without turning the head; the first is on top. */
export function chartOption(drawing: Drawing): EChartsOption {
  const { data, report, state } = drawing;
  const { width, equals } = drawing.drawing;
  const isEmpty = data.bars.length === 0;
  const where = equals.map(({ column, value }) => `${column} ${value}`).join(', ');
  const asOf = `as of ${state.asOf.slice(0, 19).replace('T', ' ')} UTC`;
  return {
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    textStyle: { fontFamily: 'sans-serif' },
    title: [
      {
        text: clean(report.title),
        subtext: clean(where === '' ? asOf : `${where} · ${asOf}`),
        left: 16,
        top: 12,
        textStyle: { color: INK, fontSize: 17, width: width - 32, overflow: 'truncate' },
        subtextStyle: { color: FAINT, fontSize: 12, width: width - 32, overflow: 'truncate' },
      },
      ...(isEmpty ? [NO_ROWS] : []),
    ],
    ...(!isEmpty && bars(drawing)),
  };
}

const NO_ROWS = {
  text: 'No rows',
  left: 'center',
  top: 'middle',
  textStyle: { color: FAINT, fontSize: 16, fontWeight: 'normal' as const },
};

function bars({ chart, data, drawing }: Drawing): EChartsOption {
  const stacked = isStacked(chart);
  return {
    ...(stacked && {
      legend: {
        data: chart.values.map(clean),
        left: 12,
        top: HEAD.title - 12,
        itemWidth: 14,
        textStyle: { color: INK },
      },
    }),
    grid: {
      left: 16,
      right: 64,
      top: HEAD.title + (stacked ? HEAD.legend - 12 : -12),
      bottom: 12,
      // The names of bars take their room from the bars, not from the margin.
      outerBoundsMode: 'same',
      outerBoundsContain: 'axisLabel',
    },
    xAxis: {
      type: 'value',
      axisLabel: { color: FAINT, hideOverlap: true, formatter: (value: number) => whole.format(value) },
      splitLine: { lineStyle: { color: LINES } },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: data.bars.map(labelOf),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: FAINT } },
      axisLabel: { color: INK, width: Math.round(drawing.width * 0.3), overflow: 'truncate' },
    },
    series: seriesOf(chart, data),
  };
}

/** The numbers at the ends are a series of their own: of stacked bars, none of the others ends where the bar does. */
function seriesOf(chart: ReportChart, { bars }: ChartData): BarSeriesOption[] {
  const totals = bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const common = { type: 'bar', stack: 'all', barMaxWidth: 22, barCategoryGap: '28%' } as const;
  return [
    ...chart.values.map((name, n) => ({
      ...common,
      name: clean(name),
      data: bars.map(({ values }) => values[n]!),
    })),
    {
      ...common,
      data: bars.map(() => 0),
      labelLayout: { hideOverlap: true },
      label: {
        show: true,
        position: 'right',
        color: INK,
        formatter: ({ dataIndex }: { dataIndex: number }) => whole.format(totals[dataIndex]!),
      },
    },
  ];
}

function labelOf({ category, merged }: ChartData['bars'][number]): string {
  if (merged > 1) return `${whole.format(merged)} others`;
  return category === null ? '(none)' : clean(category);
}

function isStacked({ kind }: ReportChart): boolean {
  return kind === 'stacked';
}

/** One line, and only characters that XML 1.0 (2.2) has. */
function clean(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, '\ufffd');
}
