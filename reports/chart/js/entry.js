// Entry of the ECharts bundle: the charts and components that reports draw, SVG only.
import * as core from 'echarts/core';
import { BarChart, LineChart, ScatterChart, CustomChart, HeatmapChart } from 'echarts/charts';
import { GridComponent, TooltipComponent, LegendComponent, TitleComponent, AriaComponent, MarkLineComponent, MarkAreaComponent, MarkPointComponent, VisualMapComponent } from 'echarts/components';
import { SVGRenderer } from 'echarts/renderers';
core.use([BarChart, LineChart, ScatterChart, CustomChart, HeatmapChart, GridComponent, TooltipComponent, LegendComponent, TitleComponent, AriaComponent, MarkLineComponent, MarkAreaComponent, MarkPointComponent, VisualMapComponent, SVGRenderer]);
globalThis.echarts = core;
