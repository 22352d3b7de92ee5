import type { StoredSetting } from '../src/core/setting.ts';
import type { ShownDevice } from '../src/core/shown_device.ts';
import { axis, canvas, colourOf, draw, legend, onCanvas, palette, tableBelow } from './chart.ts';
import { type Child, fill, h } from './dom.ts';
import { link } from './links.ts';
import { amount, figure, percent, plural, tick } from './numbers.ts';
import { type Origin, type Place, type Roof, roofsOf } from './roofs.ts';
import { go } from './state.ts';

/**
 * A roofline in units of tokens. A token of decode reads every weight once, so memory allows bandwidth / bytes-a-token of them; arithmetic
 * allows no more than prefill reaches with such weights, where each one read serves many tokens. Weights of one kind take as many operations
 * a byte, so both limits fall alike with the size of a model.
 */
export function drawRoofline(
  place: HTMLElement,
  settings: readonly StoredSetting[],
  devices: readonly ShownDevice[],
  names: readonly string[],
): void {
  const roofs = roofsOf(settings, devices);
  const label = 'Decode rate over bytes a token, below the limits of each device: the table below holds the figures';
  fill(
    place,
    h('h2', {}, 'Roofline'),
    h(
      'p',
      { class: 'note' },
      'Decode reads every weight for each token: a line is the most that the memory of a device allows (bandwidth over bytes a token). The dotted line above is what its best prefill reaches, where one reading serves many tokens and arithmetic is the limit. Points are the best settings measured.',
    ),
    roofs.length === 0
      ? h('p', { class: 'empty' }, 'No valid run tells its bytes a token with the filters above.')
      : h(
          'section',
          { class: 'panel', 'aria-label': 'Roofline' },
          legend(
            roofs.map(({ device }) => device),
            names,
          ),
          h('div', { class: 'canvas', '--height': '420px' }, canvas(label, 'roofline')),
          tableBelow(
            label,
            ['setting', 'bytes a token', 'decode', 'read', 'limit of the memory', 'share', 'limit of arithmetic', 'newest run'],
            roofs.flatMap((roof) => roof.points.map((point) => row(roof, point))),
            true,
          ),
          h(
            'p',
            { class: 'note' },
            'Limit of the memory: "measured" (solid) is what trit reads from it in order in runs of models above 64 MiB; "expected" (dashed) is the data sheet\'s, by the device\'s profile; "highest seen" (dashed) is the most that any run has read, so the best setting reaches 100 % of it by definition. Limit of arithmetic: reached by the best prefill.',
          ),
        ),
  );
  if (roofs.length > 0) drawRoofs(place.querySelector('canvas') as HTMLCanvasElement, roofs, names);
}

const SOURCE: Record<Origin, string> = { measured: 'measured', profile: 'expected', seen: 'highest seen' };

function limitText({ bandwidth, origin, expected }: Roof): string {
  if (bandwidth === null) return 'unknown';
  const sheet = origin === 'measured' && expected !== null ? ` (${amount(expected, 'B/s')} expected)` : '';
  return `${amount(bandwidth, 'B/s')} ${SOURCE[origin]}${sheet}`;
}

function row(roof: Roof, { setting, bytes, rate, share }: Place): Child[] {
  const { compute } = roof;
  const { device, model, toolchain, threads, metrics } = setting;
  return [
    [device, model, toolchain, plural(threads, 'thread')].join(' · '),
    amount(bytes, 'B'),
    `${figure(rate)} tokens/s`,
    amount(bytes * rate, 'B/s'),
    limitText(roof),
    share === null ? '–' : percent(share).replace('+', ''),
    compute === null ? '–' : `${figure(compute / bytes)} tokens/s`,
    link({ run: metrics.decode_rate?.run ?? '' }, 'run'),
  ];
}

function drawRoofs(picture: HTMLCanvasElement, roofs: readonly Roof[], names: readonly string[]): void {
  const colours = palette();
  const sizes = roofs.flatMap(({ points }) => points.map(({ bytes }) => bytes));
  const [from, to] = [Math.min(...sizes) / 2.5, Math.max(...sizes) * 2.5];
  const colour = (device: string) => colours.series[colourOf(device, names)] as string;
  const places = roofs.flatMap((roof) => roof.points.map((point) => ({ roof, point })));
  const line = (device: string, limit: number, borderWidth: number, borderDash: number[]) => ({
    ...{ label: device, showLine: true, pointRadius: 0, pointHitRadius: 0, borderColor: colour(device), borderWidth, borderDash },
    data: [from, to].map((x) => ({ x, y: limit / x })),
  });
  draw<'scatter'>(picture, colours, {
    type: 'scatter',
    data: {
      datasets: [
        {
          label: 'settings',
          data: places.map(({ point }) => ({ x: point.bytes, y: point.rate })),
          backgroundColor: places.map(({ roof }) => colour(roof.device)),
          pointBorderColor: colours.surface,
          pointBorderWidth: 1.5,
          pointRadius: 6,
          pointHoverRadius: 8,
        },
        ...roofs.flatMap(({ device, bandwidth, compute, origin }) => [
          ...(bandwidth === null ? [] : [line(device, bandwidth, 2, origin === 'measured' ? [] : [6, 4])]),
          ...(compute === null ? [] : [line(device, compute, 1.25, [1.5, 3])]),
        ]),
      ],
    },
    options: {
      scales: {
        x: {
          type: 'logarithmic',
          min: from,
          max: to,
          ...axis(colours, 'bytes a token', true),
          ticks: { color: colours.muted, maxTicksLimit: 6, callback: (value) => amount(Number(value), 'B') },
        },
        y: { type: 'logarithmic', ...axis(colours, 'tokens/s', true), ticks: { color: colours.muted, maxTicksLimit: 8, callback: tick } },
      },
      onClick: (_event, found) => {
        const hit = found.find(({ datasetIndex }) => datasetIndex === 0);
        const run = hit && places[hit.index]?.point.setting.metrics.decode_rate?.run;
        if (run) go({ run });
      },
      plugins: {
        tooltip: {
          filter: (item) => item.datasetIndex === 0,
          callbacks: {
            title: ([item]) => onCanvas(`${places[item?.dataIndex ?? 0]?.roof.device}, ${places[item?.dataIndex ?? 0]?.point.setting.model}`, 60),
            label: (item) => {
              const share = places[item.dataIndex]?.point.share ?? null;
              return [
                `${figure(item.parsed.y)} tokens/s`,
                amount(item.parsed.x, 'B'),
                share === null ? '' : `${percent(share).replace('+', '')} of the memory's limit`,
              ];
            },
          },
        },
      },
    },
  });
}
