package cli

import "github.com/urfave/cli/v3"

// commands lists every command, in the order of the help text. One line each.
func (a *App) commands() []*cli.Command {
	return []*cli.Command{
		a.checkCommand(),
		a.conformCommand(),
		a.benchCommand(),
		a.selftestCommand(),
		a.planCommand(),
		a.runCommand(),
		a.reportCommand(),
		a.serveCommand(),
		a.statusCommand(),
		a.runsCommand(),
		a.queryCommand(),
		a.verifyCommand(),
		a.gcCommand(),
		a.indexCommand(),
		a.envCommand(),
		a.taskCommand(),
		a.statsCommand(),
		a.tokenizeCommand(),
		a.sampleCommand(),
		a.trainCommand(),
		a.powerCommand(),
		a.compareCommand(),
		a.tokenizerCommand(),
		a.mineCommand(),
		a.weightCommand(),
		a.evalCommand(),
		a.gradeCommand(),
		a.scoreCommand(),
		a.perturbCommand(),
		a.verifierCommand(),
		a.downloadCommand(),
		a.importCommand(),
		a.gateCommand(),
		a.exportCommand(),
		a.versionCommand(),
		a.helpCommand(),
	}
}
