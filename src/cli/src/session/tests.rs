use keyword::command::Level;

use crate::commands::COMMANDS;
use crate::testing;

fn answers_at(level: Level, input: &str) -> String {
    testing::answers(&testing::shared(""), level, input)
}

fn answers(input: &str) -> String {
    answers_at(Level::Admin, input)
}

#[test]
fn one_line_is_answered_and_a_blank_line_follows_each_command() {
    assert_eq!(answers("show version;show cli level\n"), "3.5.0-x\n\nadmin\n\n");
    assert_eq!(answers("show version\nshow version\n"), "3.5.0-x\n\n");
    assert_eq!(answers(";show version\n"), "\n3.5.0-x\n\n");
    assert_eq!(answers("show version;\n"), "3.5.0-x\n\n\n");
    assert_eq!(answers("\n"), "\n");
}

#[test]
fn a_line_without_its_end_is_no_command() {
    assert_eq!(answers("show version"), "");
}

#[test]
fn a_prompt_invites_more_commands() {
    assert_eq!(answers("prompt\nshow version\n\nquit\n"), "\n> 3.5.0-x\n\n> \n> ");
    assert_eq!(answers("prompt;show version\n"), "\n3.5.0-x\n\n> ");
    assert_eq!(answers("prompt\nprompt\nshow version\n"), "\n> \n");
    assert_eq!(answers("prompt i\nshow version\n"), "\n3.5.0-x\n\n");
    assert_eq!(answers("prompt timed\n"), "\n[0:00:00:00]> ");
}

#[test]
fn payloads_are_waited_for() {
    assert_eq!(answers("echo a <<\nb\n\n"), "a\n\n");
    assert_eq!(answers("echo a <<E\nb\n\nE\n"), "a\n\n");
    assert_eq!(answers("echo a <<\nb\n"), "", "the end never came");
}

#[test]
fn levels_are_kept_and_only_lowered() {
    assert_eq!(
        answers("operator;show cli level;set weight b/s 3;show env HOME\n"),
        "\noperator\n\nPermission denied\n\nHOME=/root\n\n"
    );
    assert_eq!(answers_at(Level::User, "show env HOME;operator\n"), "Permission denied\n\n".repeat(2));
}

#[test]
fn messages_are_marked_when_asked_for() {
    assert_eq!(
        answers(
            "set severity-output number;show env X;set severity-output string;show env X;show cli level\n"
        ),
        "\n[3]: Variable not found\n\n\n[err]: Variable not found\n\n[info]: admin\n\n"
    );
    assert_eq!(
        answers("set severity-output x\n"),
        "one of 'none', 'number', 'string' is a required argument\n\n"
    );
}

#[test]
fn modes_are_switched_and_told() {
    assert_eq!(
        answers("expert-mode;expert-mode on;expert-mode\n"),
        "expert-mode is OFF\n\n\nexpert-mode is ON\n\n"
    );
}

#[test]
fn unknown_commands_get_suggestions() {
    let answer = answers("show verison\n");
    let mut lines = answer.lines();
    assert_eq!(
        lines.next(),
        Some("Unknown command: 'show', but maybe one of the following ones is a better match:")
    );
    assert!(answer.contains("\n  show version                            : "), "{answer}");
    assert!(answer.ends_with("\n  quit                                    : disconnect\n\n"), "{answer}");
    let answer = answers("show servers\n");
    assert!(answer.contains("show servers state") && !answer.contains("show stat "), "{answer}");
}

#[test]
fn help_lists_all_or_what_is_alike() {
    let all = answers("help\n");
    assert!(all.starts_with("The following commands are valid at this level:\n"));
    assert!(all.contains("\n  show stat [desc|json|no-maint|typed|up]*: "), "{all}");
    assert!(!all.contains("expert-mode"), "{all}");
    let some = answers("help weight\n");
    assert!(
        some.contains("get weight") && some.contains("set weight") && !some.contains("show stat"),
        "{some}"
    );
}

#[test]
fn overlong_lines_end_the_session() {
    let answer = answers(&format!("echo {}\n", "x".repeat(2000)));
    assert!(answer.starts_with("The command line is too big for the buffer size."), "{answer}");
}

#[test]
fn too_many_words_are_refused() {
    let answer = answers(&format!("{}\n", "x ".repeat(70)));
    assert_eq!(answer, "Too many arguments. Commands must have at most 64 arguments.\n\n");
}

#[test]
fn timeouts_are_set_for_the_session() {
    assert_eq!(
        answers("set timeout cli;set timeout cli 20;set timeout x\n"),
        "Expects an integer value.\n\n\n'set timeout' only supports 'cli'.\n\n"
    );
}

#[test]
fn waiting_takes_its_time() {
    assert_eq!(answers("wait 1;wait x\n"), "Done.\n\nExpects a duration in milliseconds.\n\n");
}

#[test]
fn commands_stand_in_the_order_of_their_names() {
    assert!(COMMANDS.is_sorted_by_key(|c| c.name));
}
