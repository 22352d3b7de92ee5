import type { Plugin } from 'chart.js';

/** The spread of one bar, and what is written behind it. */
export interface Whisker {
  low: number;
  high: number;
  label: string;
}

/** A plugin that draws, over lying bars, a whisker from lowest to highest and the value behind it. `spread[dataset][index]` */
export function whiskers(spread: readonly (readonly (Whisker | null)[])[], text: string, halo: string): Plugin<'bar'> {
  return {
    id: 'whiskers',
    afterDatasetsDraw(chart) {
      const { ctx, data, chartArea } = chart;
      const { x } = chart.scales;
      if (!x) return;
      ctx.save();
      ctx.font = '600 11px system-ui, sans-serif';
      ctx.textBaseline = 'middle';
      for (let dataset = 0; dataset < data.datasets.length; dataset++)
        chart.getDatasetMeta(dataset).data.forEach((bar, index) => {
          const whisker = spread[dataset]?.[index];
          if (!whisker) return;
          const { y, height } = bar.getProps(['y', 'height'], true) as unknown as { y: number; height: number };
          const [from, to] = [x.getPixelForValue(whisker.low), x.getPixelForValue(whisker.high)];
          const arm = Math.min(4, height / 3);
          for (const [colour, width] of [[halo, 3.5] as const, [text, 1.5] as const]) {
            ctx.strokeStyle = colour;
            ctx.lineWidth = width;
            ctx.beginPath();
            ctx.moveTo(from, y);
            ctx.lineTo(to, y);
            for (const end of [from, to]) {
              ctx.moveTo(end, y - arm);
              ctx.lineTo(end, y + arm);
            }
            ctx.stroke();
          }
          ctx.fillStyle = text;
          ctx.fillText(whisker.label, Math.min(Math.max(to, bar.x) + 7, chartArea.right + 4), y + 0.5);
        });
      ctx.restore();
    },
  };
}
