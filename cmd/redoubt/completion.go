package main

import (
	"github.com/spf13/cobra"
)

// completion gives the command that writes scripts for shells its examples. This is a program for Linux, so the script for
// PowerShell is left out.
func completion(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	examples := map[string]string{
		"bash": "  source <(redoubt completion bash)\n\n  redoubt completion bash > /etc/bash_completion.d/redoubt",
		"zsh":  "  redoubt completion zsh > \"${fpath[1]}/_redoubt\"",
		"fish": "  redoubt completion fish > ~/.config/fish/completions/redoubt.fish",
	}
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Example = "  redoubt help wallet create"
		case "completion":
			c.Short, c.Example = "Write the script that lets your shell complete redoubt's commands", examples["bash"]
			for _, shell := range c.Commands() {
				if shell.Example = examples[shell.Name()]; shell.Example == "" {
					c.RemoveCommand(shell)
				}
			}
		}
	}
}
