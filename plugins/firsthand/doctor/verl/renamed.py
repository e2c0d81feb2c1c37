"""Keys of older versions of veRL and of its forks, and what to write today."""

ROLLOUT = "actor_rollout_ref.rollout"
TURNS = f"{ROLLOUT}.multi_turn"
RENAMED = {
    "custom_reward_function": "reward.custom_reward_function",
    "reward_model.reward_manager": "reward.reward_manager.name",
    "reward_model.num_workers": "reward.num_workers",
    "reward_model.model.path": "reward.reward_model.model_path",
    "reward_model": "reward.reward_model",
    "sandbox_fusion": "reward.sandbox_fusion",
    f"{ROLLOUT}.n_agent": f"{ROLLOUT}.n",
    f"{ROLLOUT}.max_turns": f"{TURNS}.max_assistant_turns",
    f"{ROLLOUT}.chat_scheduler": f"{ROLLOUT}.agent.default_agent_loop",
    f"{ROLLOUT}.max_obs_length": f"{TURNS}.max_tool_response_length (in characters, not tokens)",
    f"{TURNS}.max_turns": f"{TURNS}.max_assistant_turns",
    f"{TURNS}.completion_callback": f"{ROLLOUT}.agent.default_agent_loop",
    f"{TURNS}.interaction_config_path": f"{ROLLOUT}.agent.agent_loop_config_path (interactions are agent loops now)",
    "actor_rollout_ref.actor.state_masking": "nothing: the agent loop returns response_mask",
    "state_masking": "nothing: the agent loop returns response_mask",
    "algorithm.state_masking": "nothing: the agent loop returns response_mask",
    "max_turns": f"{TURNS}.max_assistant_turns",
    "do_search": f"{TURNS}.enable with a tool config",
    "retriever": f"a tool in {TURNS}.tool_config_path",
    "data.max_obs_length": f"{TURNS}.max_tool_response_length (in characters, not tokens)",
    "data.max_start_length": "data.max_prompt_length",
    "data.sampler": "trainer.v1.sampler.custom_sampler",
    "data.curriculum_class": "trainer.v1.sampler.custom_sampler",
    "trainer.val_generations_to_log_to_wandb": "trainer.log_val_generations",
}
