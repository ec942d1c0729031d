/** The parts of ECharts that the pages use. Drawn on canvas, so that no policy is in its way. */

import { CustomChart, LineChart, TreemapChart } from "echarts/charts";
import { DataZoomComponent, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, CustomChart, TreemapChart, GridComponent, LegendComponent, MarkLineComponent, MarkAreaComponent, TooltipComponent, DataZoomComponent, CanvasRenderer]);

export { init };
export type { ECharts, EChartsCoreOption } from "echarts/core";
